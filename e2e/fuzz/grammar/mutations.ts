import fc from 'fast-check'

const piece = fc.constantFrom(
  ...' \t\r\n\0:;,="\\/#?@0123456789abcdefABCDEFxX-+_.\x0b\x0c\x1f\x7f\x80\xff'.split(''),
  '\r\n',
  '\r\n\r\n',
  '\n\n',
  '\n\r',
  '\r\r\n',
  '0x',
  '00000000000000000',
  'ffffffffffffffff',
  '100000000',
  '\r\n ',
  '0\r\n\r\n',
  'HTTP/1.1',
  'http://a',
  ';a=b',
)

export interface Mutation {
  /** Taken modulo the length. */
  readonly at: number
  readonly drop: number
  readonly insert: string
}

export const mutation: fc.Arbitrary<Mutation> = fc.record({
  at: fc.nat(100_000),
  drop: fc.nat(2),
  insert: fc.oneof({ arbitrary: piece, weight: 3 }, fc.constant('')),
})

/** `text` with the mutations made one after the other. */
export function mutated(text: string, mutations: readonly Mutation[]): string {
  let result = text
  for (const { at, drop, insert } of mutations) {
    if (result === '') return insert
    const place = at % result.length
    result = result.slice(0, place) + insert + result.slice(place + drop)
  }
  return result
}
