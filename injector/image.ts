import { PROXY_CONTAINER } from '../core/contract.ts'
import { WeftError } from '../core/errors.ts'

/** Checks an image reference: [host[:port]/]path[:tag][@digest]. */
export function readImage(text: string): string {
  const reference =
    /^(?:[a-zA-Z0-9][a-zA-Z0-9.-]*(?::[0-9]{1,5})?\/)?[a-z0-9]+(?:[._/-]+[a-z0-9]+)*(?::[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?(?:@sha256:[0-9a-f]{64})?$/
  // The bound comes first: it keeps the pattern's backtracking small.
  if (text.length > 512 || !reference.test(text)) {
    throw new WeftError(
      'image.invalid',
      `must be an image reference such as registry.example/${PROXY_CONTAINER}:1.2`,
    )
  }
  return text
}
