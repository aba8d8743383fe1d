/**
 * The one file of node-forge that is needed: half of the memory and a ninth of the loading time of the whole
 * package. Its published types call tags enums that do not exist at run time, and leave out the options.
 */
declare module 'node-forge/lib/asn1.js' {
  export interface Asn1 {
    readonly tagClass: number
    readonly type: number
    readonly constructed: boolean
    /** Binary string, one char a byte; or the parts of a constructed value. */
    readonly value: string | Asn1[]
  }
  interface ByteBuffer {
    bytes(): string
  }
  const asn1: {
    create(tagClass: number, type: number, constructed: boolean, value: string | Asn1[]): Asn1
    fromDer(
      bytes: string,
      options: { strict: boolean; parseAllBytes: boolean; decodeBitStrings: boolean },
    ): Asn1
    toDer(value: Asn1): ByteBuffer
    oidToDer(oid: string): ByteBuffer
    derToOid(bytes: string): string
    integerToDer(value: number): ByteBuffer
    dateToUtcTime(date: Date): string
    dateToGeneralizedTime(date: Date): string
  }
  export default asn1
}
