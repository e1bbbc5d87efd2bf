const FORMAT =
  "<NumberFormat><Type>DATE</Type><nDec>2</nDec><UseThou>1</UseThou><Fmt>f</Fmt><Dec>,</Dec><Thou>.</Thou></NumberFormat>";

/** The element of a field, with `more` behind its bias. */
export const fieldText = (name: string, more = "") =>
  `<QvdFieldHeader><FieldName>${name}</FieldName><BitOffset>1</BitOffset><BitWidth>2</BitWidth><Bias>-2</Bias>${more}` +
  "<NoOfSymbols>3</NoOfSymbols><Offset>4</Offset><Length>5</Length></QvdFieldHeader>";

/** A header with every element that is read, each text another. */
export const HEADER_TEXT =
  "<QvdTableHeader><QvBuildNo>7</QvBuildNo><CreatorDoc>d</CreatorDoc><CreateUtcTime>u</CreateUtcTime><TableName>t</TableName>" +
  `<Fields>${fieldText("A", `${FORMAT}<Comment>c</Comment><Tags><String>$x</String><String>y</String></Tags>`)}${fieldText("B")}</Fields>` +
  "<Compression></Compression><RecordByteSize>6</RecordByteSize><NoOfRecords>8</NoOfRecords><Offset>9</Offset><Length>10</Length>" +
  "<Lineage><LineageInfo><Discriminator>r</Discriminator><Statement>s</Statement></LineageInfo><LineageInfo/></Lineage>" +
  "<Comment>k</Comment><Other>o</Other></QvdTableHeader>";
