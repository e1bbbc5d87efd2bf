/**
 * A smaller input of which `still` is true: pieces are taken out, the long ones first, and bytes made zero, until nothing
 * more goes or the time is over.
 */
export async function minimise(
  input: Uint8Array,
  still: (smaller: Uint8Array) => Promise<boolean>,
  seconds: number,
): Promise<Uint8Array> {
  const end = Date.now() + seconds * 1000;
  let best = input;
  for (let piece = 1 << Math.floor(Math.log2(Math.max(1, best.byteLength))); piece >= 1; piece >>= 1) {
    for (let at = 0; at < best.byteLength; ) {
      if (Date.now() > end) return best;
      const smaller = new Uint8Array(best.byteLength - Math.min(piece, best.byteLength - at));
      smaller.set(best.subarray(0, at));
      smaller.set(best.subarray(Math.min(best.byteLength, at + piece)), at);
      if (await still(smaller)) best = smaller;
      else at += piece;
    }
  }
  return best;
}
