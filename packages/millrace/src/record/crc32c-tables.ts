const POLYNOMIAL = 0x82f63b78

/** Sixteen tables of 256 words, one after the other: table k advances a byte over k further zero bytes. */
export type CrcTables = Int32Array

export function crcTables(): CrcTables {
  const tables = new Int32Array(16 * 256)
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1
    tables[byte] = crc
  }
  for (let i = 256; i < tables.length; i++) {
    const before = tables[i - 256]!
    tables[i] = (before >>> 8) ^ tables[before & 255]!
  }
  return tables
}
