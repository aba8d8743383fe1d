import { setTimeout as delay } from 'node:timers/promises'
import type { Authority } from '../../../certs/authority.ts'
import { describeError, WeftError } from '../../../core/errors.ts'
import type { Watchable } from '../../../core/watched.ts'
import type { KubernetesConnection } from '../connection.ts'
import { followObjects } from '../follow.ts'
import { openCaSecret, type CaSecret, type CaSecretOptions } from './ca-secret.ts'

export interface FollowedCaOptions extends CaSecretOptions {
  readonly connection: KubernetesConnection
  /** Ends the waiting; the promise is rejected then. */
  readonly signal: AbortSignal
  readonly waiting: (reason: string) => void
  /** How often it is read again even when nothing is told. Milliseconds. */
  readonly refreshMs?: number
  /** While it waits. Milliseconds. */
  readonly retryMs?: number
}

export interface FollowedCa {
  readonly authority: Watchable<Authority>
  close(): void
}

const REFRESH_MS = 60_000
const RETRY_MS = 2_000

/**
 * The CA of a Secret, kept current while another replica rotates it or its issuer renews it. Waits for what others will
 * mend: an API server that is away, a given CA that is not there yet, a Secret that is lost or damaged.
 * Throws WeftError for what waiting does not mend, such as another trust domain's root.
 */
export async function followCa(options: FollowedCaOptions): Promise<FollowedCa> {
  const { log, namespace, name, signal, refreshMs = REFRESH_MS } = options
  const ca = await opened(options)
  let told = ''
  const refresh = async (): Promise<void> => {
    try {
      await ca.refresh()
      if (told !== '') log.info('the CA is read again')
      told = ''
    } catch (error) {
      const reason = describeError(error)
      if (reason !== told)
        log.error('the CA could not be read again; what was read before signs on', { reason })
      told = reason
    }
  }
  const followed = followObjects({
    ...options,
    path: `/api/v1/namespaces/${namespace}/secrets`,
    name,
    onObject: () => void refresh(),
  })
  const timer = setInterval(() => void refresh(), refreshMs)
  timer.unref()
  signal.throwIfAborted()
  return {
    authority: ca.authority,
    close() {
      clearInterval(timer)
      followed.close()
    },
  }
}

async function opened(options: FollowedCaOptions): Promise<CaSecret> {
  const { log, signal, waiting } = options
  for (let told = ''; ;) {
    try {
      return await openCaSecret(options)
    } catch (error) {
      if (!(error instanceof WeftError) || !othersMend(error)) throw error
      const reason = describeError(error)
      if (reason !== told) log.error('waiting for the CA', { reason })
      told = reason
      waiting(reason)
    }
    await delay(options.retryMs ?? RETRY_MS, undefined, { signal })
  }
}

function othersMend({ code }: WeftError): boolean {
  return /^(kubernetes|issuer|bundle)\.|^ca\.(missing|busy|corrupt)$/.test(code)
}
