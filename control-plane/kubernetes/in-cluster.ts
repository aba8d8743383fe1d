import { existsSync, readFileSync } from 'node:fs'
import { isIPv6 } from 'node:net'
import { join } from 'node:path'
import { decodeJwt } from 'jose'
import { WeftError } from '../../core/errors.ts'
import { reasonOf } from './api-error.ts'
import type { Credentials } from './credentials.ts'

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount'
/** The pod's own token, as the kubelet puts it into every pod. */
export const TOKEN_PATH = `${SERVICE_ACCOUNT}/token`

type Environment = Readonly<Record<string, string | undefined>>

export function isInCluster(env: Environment = process.env, directory: string = SERVICE_ACCOUNT): boolean {
  return Boolean(env['KUBERNETES_SERVICE_HOST']) && existsSync(join(directory, 'token'))
}

/** What every pod is given: KUBERNETES_SERVICE_HOST and _PORT, and its ServiceAccount's token, CA and namespace. */
export function inClusterCredentials(
  env: Environment = process.env,
  directory: string = SERVICE_ACCOUNT,
): Credentials {
  const host = env['KUBERNETES_SERVICE_HOST'] ?? ''
  const read = (name: string): string => {
    try {
      return readFileSync(join(directory, name), 'utf8').trim()
    } catch (error) {
      throw new WeftError('kubernetes.credentials', `cannot be read: ${reasonOf(error)}`, {
        field: join(directory, name),
      })
    }
  }
  return {
    server: `https://${isIPv6(host) ? `[${host}]` : host}:${env['KUBERNETES_SERVICE_PORT'] ?? '443'}`,
    namespace: existsSync(join(directory, 'namespace')) ? read('namespace') : 'default',
    // The kubelet replaces both files; reading them costs a request some 20 microseconds.
    async current() {
      return {
        headers: { authorization: `Bearer ${read('token')}` },
        tls: { ca: read('ca.crt') },
        proxy: undefined,
      }
    },
  }
}

/** Who issued this pod's own token, and so those of other pods; undefined outside of a cluster. */
export function ownIssuer(
  env: Environment = process.env,
  directory: string = SERVICE_ACCOUNT,
): string | undefined {
  if (!isInCluster(env, directory)) return undefined
  try {
    return decodeJwt(readFileSync(join(directory, 'token'), 'utf8').trim()).iss
  } catch {
    return undefined
  }
}
