import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { readTextFile, replacePrivateFile } from '../../certs/private-file.ts'
import { parseCertificates, parseTrustBundle } from '../../certs/trust-bundle.ts'
import { WeftError } from '../../core/errors.ts'
import { checkSecrets, readKey, type SecretExpectation } from './read-secrets.ts'
import type { Secrets } from './secrets.ts'

/** Key, chain and bundle in one file, so that they are never of different times. The directory is a tmpfs. */
export interface StateFile {
  /**
   * Undefined if nothing was kept. Throws WeftError `identity.corrupt_state` naming the file, and what
   * `checkSecrets` throws for content that may not be used.
   */
  load(expected: SecretExpectation): Secrets | undefined
  save(secrets: Secrets): void
}

const VERSION = 1

export function stateFile(directory: string): StateFile {
  const path = join(directory, 'identity.json')
  return {
    load(expected) {
      const text = readTextFile(path)
      if (text === undefined) return undefined
      const { privateKeyPem, certificatePem, bundlePem } = read(text, path)
      return checkSecrets(
        {
          chain: parseCertificates(certificatePem, path),
          key: readKey(privateKeyPem, path),
          privateKeyPem,
          bundle: parseTrustBundle(bundlePem, path),
        },
        expected,
        path,
      )
    },
    save({ privateKeyPem, certificatePem, bundlePem }) {
      mkdirSync(directory, { recursive: true, mode: 0o700 })
      replacePrivateFile(path, JSON.stringify({ version: VERSION, privateKeyPem, certificatePem, bundlePem }))
    },
  }
}

function read(text: string, path: string): Record<'privateKeyPem' | 'certificatePem' | 'bundlePem', string> {
  // JSON.parse quotes the text in its error, and the text has a key.
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw corrupt(path)
  }
  if (typeof value !== 'object' || value === null) throw corrupt(path)
  const { version, privateKeyPem, certificatePem, bundlePem } = value as Record<string, unknown>
  if (version !== VERSION || typeof privateKeyPem !== 'string') throw corrupt(path)
  if (typeof certificatePem !== 'string' || typeof bundlePem !== 'string') throw corrupt(path)
  return { privateKeyPem, certificatePem, bundlePem }
}

function corrupt(path: string): WeftError {
  return new WeftError(
    'identity.corrupt_state',
    `${path} is damaged: it is not used, and replaced at the next signing`,
  )
}
