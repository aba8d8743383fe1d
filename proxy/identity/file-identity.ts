import { readTextFile } from '../../certs/private-file.ts'
import { parseCertificates, parseTrustBundle } from '../../certs/trust-bundle.ts'
import { systemClock, type Clock } from '../../core/clock.ts'
import { describeError, WeftError } from '../../core/errors.ts'
import type { Logger } from '../../core/log.ts'
import { Watched } from '../../core/watched.ts'
import { checkExpectation, checkSecrets, readKey } from './read-secrets.ts'
import type { Identity, Secrets } from './secrets.ts'
import { watchFiles } from './watched-file.ts'

export interface FileIdentityOptions {
  /** PEM, leaf first. */
  readonly certificatePath: string
  readonly privateKeyPath: string
  /** PEM, every root. */
  readonly caPath: string
  readonly trustDomain: string
  readonly log: Logger
  readonly clock?: Clock
}

const CHECK_MS = 10_000

/**
 * A certificate that somebody else puts into files and replaces there: for a proxy that runs alone. `start` throws
 * WeftError naming the file that is wrong; a later change that is wrong is logged, and the last good one stays.
 */
export function createFileIdentity(options: FileIdentityOptions): Identity {
  const { certificatePath, privateKeyPath, caPath, trustDomain, log, clock = systemClock } = options
  checkExpectation(trustDomain, undefined)
  const secrets = new Watched<Secrets | undefined>(undefined)
  let stop = () => {}

  const load = (): Secrets => {
    const privateKeyPem = read(privateKeyPath)
    const parts = {
      chain: parseCertificates(read(certificatePath), certificatePath),
      key: readKey(privateKeyPem, privateKeyPath),
      privateKeyPem,
      bundle: parseTrustBundle(read(caPath), caPath),
    }
    return checkSecrets(parts, { trustDomain, spiffeId: undefined, now: clock.now() }, certificatePath)
  }

  return {
    secrets,
    start() {
      secrets.set(load())
      stop = watchFiles([certificatePath, privateKeyPath, caPath], clock, CHECK_MS, () => {
        try {
          secrets.set(load())
          log.info('certificate files read again', {
            validUntil: new Date(secrets.value?.notAfter ?? 0).toISOString(),
          })
        } catch (error) {
          log.error('the changed certificate files are not used', { reason: describeError(error) })
        }
      })
    },
    // Whoever writes the files renews them.
    renew() {},
    close: () => stop(),
  }
}

function read(path: string): string {
  const text = readTextFile(path)
  if (text === undefined) throw new WeftError('file.read', `${path} is not there`)
  return text
}
