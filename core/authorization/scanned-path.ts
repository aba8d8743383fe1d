/** What one look at a path, without its query, tells. */
export interface ScannedPath {
  /** Nobody reads it otherwise: it is ASCII, and has no escapes, parameters or letters in upper case. */
  readonly usual: boolean
  /** How many segments it has; 0: it does not begin with a slash. */
  readonly segments: number
  /** Where each of them begins, and behind the last where one more would. There may be more numbers, which say nothing. */
  readonly begins: readonly number[]
}

// Of the path that was asked for last: all rules that are held against one request ask for the same.
let last = ''
let begins: number[] = [1]
const scanned = { usual: true, segments: 0, begins }
/** Numbers that are kept: few paths have more segments, and whoever sends such is not to be remembered by them. */
const MOST_KEPT = 256

const SLASH = 0x2f
const PERCENT = 0x25
const SEMICOLON = 0x3b

/** In time linear in the path, once for all that ask one after the other. The object is good until the next path is scanned. */
export function scannedPath(path: string): ScannedPath {
  if (path !== last) scan(path)
  return scanned
}

function scan(path: string): void {
  const { length } = path
  if (begins.length > MOST_KEPT) scanned.begins = begins = []
  let segments = 0
  let usual = true
  const slashed = length > 0 && path.charCodeAt(0) === SLASH
  for (let i = 0; i < length; i++) {
    const code = path.charCodeAt(i)
    if (code === SLASH) {
      if (slashed) begins[segments++] = i + 1
    } else if (code >= 0x80 || (code >= 0x41 && code <= 0x5a) || code === PERCENT || code === SEMICOLON)
      usual = false
  }
  begins[segments] = length + 1
  last = path
  scanned.usual = usual
  scanned.segments = segments
}
