/**
 * Node's direct calls for text of one byte a char. They are public in fact (Buffer.prototype, unchanged
 * since Node 4) but missing in the type declarations; `toString('latin1')` goes through one more layer.
 */
declare global {
  interface Buffer {
    latin1Slice(from: number, to: number): string
    latin1Write(text: string, at: number, length: number): number
  }
}

/** Makes this file a module, which a global declaration needs. */
export type Latin1 = 'latin1'
