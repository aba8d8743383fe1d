/** The bytes that belong to a number: `7;7;7;`, cut to `size`. Neither a lost nor another's piece looks like it. */
export function bytesOf(number: number, size: number): Buffer {
  return Buffer.alloc(size, `${number};`)
}
