import { MessageChannel } from "node:worker_threads";

/** Gives back the memory of a buffer that nobody needs any more. */
const release: (buffer: ArrayBuffer) => void = "transfer" in ArrayBuffer.prototype ? byTransfer : toNobody();

/** Node 22 and later. */
function byTransfer(buffer: ArrayBuffer): void {
  (buffer as ArrayBuffer & { transfer(length: number): ArrayBuffer }).transfer(0);
}

/** What is sent to a closed port is gone, and what was transferred with it. */
function toNobody(): (buffer: ArrayBuffer) => void {
  const { port1, port2 } = new MessageChannel();
  port1.close();
  port2.close();
  return (buffer) => port1.postMessage(undefined, [buffer]);
}

/**
 * Overwrites bytes that nobody else has, and gives their memory back at once rather than when it is collected: who opens
 * thousands of chunks then works in the same few pages, and is not held up by the collector.
 */
export function discard(bytes: Uint8Array): void {
  const { buffer } = bytes;
  bytes.fill(0);
  // A part of a buffer is not ours to give back.
  if (bytes.byteLength === buffer.byteLength && buffer instanceof ArrayBuffer) release(buffer);
}
