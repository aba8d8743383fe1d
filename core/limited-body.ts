import { WeftError } from './errors.ts'

/**
 * The text of an answer of fetch, and no more of it in memory than `most` bytes. Throws WeftError `http.too_large` for a longer
 * one, which is left there and then.
 */
export async function limitedText(answer: Pick<Response, 'body'>, most: number): Promise<string> {
  if (!answer.body) return ''
  const chunks: Uint8Array[] = []
  let size = 0
  // Leaving the loop cancels the stream.
  for await (const chunk of answer.body as AsyncIterable<Uint8Array>) {
    size += chunk.length
    if (size > most) throw new WeftError('http.too_large', `the answer has more than ${most} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
