import {
  closeSync,
  fchmodSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { randomBytes } from 'node:crypto'
import { WeftError } from '../core/errors.ts'

/**
 * Files that hold a key: mode 0600 from their first byte, whole or absent, never half. All calls are synchronous
 * and for start-up and renewal only. Throws WeftError `file.*` naming the path and never the content.
 */

/** Replaces `path` as a whole. */
export function replacePrivateFile(path: string, text: string, mode = 0o600): void {
  const temporary = writeBeside(path, text, mode)
  try {
    renameSync(temporary, path)
  } catch (cause) {
    removeIfThere(temporary)
    throw failed('write', path, cause)
  }
}

/** False, with nothing changed, if `path` is there already: of several processes exactly one hears true. */
export function createPrivateFile(path: string, text: string, mode = 0o600): boolean {
  const temporary = writeBeside(path, text, mode)
  try {
    // Unlike rename, link never replaces a file.
    linkSync(temporary, path)
    return true
  } catch (cause) {
    if (errorCode(cause) === 'EEXIST') return false
    throw failed('write', path, cause)
  } finally {
    removeIfThere(temporary)
  }
}

/** Undefined if there is no such file. */
export function readTextFile(path: string, largestBytes = 1024 * 1024): string | undefined {
  try {
    const bytes = readFileSync(path)
    if (bytes.length <= largestBytes) return bytes.toString()
  } catch (cause) {
    if (errorCode(cause) === 'ENOENT') return undefined
    throw failed('read', path, cause)
  }
  throw new WeftError('file.too_large', `${path} is larger than ${largestBytes} bytes`)
}

function writeBeside(path: string, text: string, mode: number): string {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.new`
  let descriptor: number | undefined
  try {
    descriptor = openSync(temporary, 'wx', mode)
    // The umask may have taken bits away, and readers other than the owner are meant where mode says so.
    fchmodSync(descriptor, mode)
    // Goes on after a short write: what is full says so at the next.
    writeFileSync(descriptor, text)
    fsyncSync(descriptor)
  } catch (cause) {
    removeIfThere(temporary)
    throw failed('write', path, cause)
  } finally {
    if (descriptor !== undefined) closeSync(descriptor)
  }
  return temporary
}

function removeIfThere(path: string): void {
  try {
    unlinkSync(path)
  } catch {
    // Nothing to clean up.
  }
}

function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}

function failed(what: string, path: string, cause: unknown): WeftError {
  return new WeftError(`file.${what}`, `cannot ${what} ${path} (${errorCode(cause) || 'unknown error'})`, {
    cause,
  })
}
