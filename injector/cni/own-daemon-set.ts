import { readFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import { CNI_PLUGIN, POD_NAMESPACE_VARIABLE } from '../../core/contract.ts'
import { isObject } from '../json-patch.ts'

/** Where a pod finds its credentials (Kubernetes, "Directly accessing the REST API"). */
const CREDENTIALS = '/var/run/secrets/kubernetes.io/serviceaccount'
const TIMEOUT_MS = 5000

export interface ApiServer {
  readonly host: string
  readonly port: number
  /** Read when it is asked: the kubelet renews the token. */
  readonly credentials: string
  readonly namespace: string
}

/** The API server as a pod's environment names it; undefined outside a cluster. */
export function apiServer(env: Readonly<Record<string, string | undefined>>): ApiServer | undefined {
  const host = env['KUBERNETES_SERVICE_HOST']
  const port = Number(env['KUBERNETES_SERVICE_PORT'] ?? '443')
  const namespace = env[POD_NAMESPACE_VARIABLE]
  if (!host || !namespace) return undefined
  return { host, port, credentials: CREDENTIALS, namespace }
}

/**
 * Whether the DaemonSet is being deleted, or is gone: then the plugin leaves the node with its daemon, which otherwise ends for
 * an upgrade, a drain or a restart, and leaves it in place. An uninstallation takes the right to ask away, too: refused
 * counts as gone. What cannot be told counts as there.
 */
export async function isUninstalled({ host, port, credentials, namespace }: ApiServer): Promise<boolean> {
  let answer: { readonly status: number; readonly body: string }
  try {
    answer = await get({
      host,
      port,
      path: `/apis/apps/v1/namespaces/${namespace}/daemonsets/${CNI_PLUGIN}`,
      ca: readFileSync(join(credentials, 'ca.crt')),
      headers: { authorization: `Bearer ${readFileSync(join(credentials, 'token'), 'utf8').trim()}` },
    })
  } catch {
    return false
  }
  if (answer.status !== 200) return [401, 403, 404].includes(answer.status)
  return isDeleted(answer.body)
}

function isDeleted(text: string): boolean {
  let object: unknown
  try {
    object = JSON.parse(text)
  } catch {
    return false
  }
  const metadata = isObject(object) ? object['metadata'] : undefined
  return isObject(metadata) && typeof metadata['deletionTimestamp'] === 'string'
}

interface Question {
  readonly host: string
  readonly port: number
  readonly path: string
  readonly ca: Buffer
  readonly headers: Readonly<Record<string, string>>
}

const MAX_BODY = 1024 * 1024

function get(question: Question): Promise<{ status: number; body: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: string }>()
  const sent = request({ ...question, timeout: TIMEOUT_MS, agent: false }, (response) => {
    let body = ''
    response.setEncoding('utf8')
    response.on('data', (chunk: string) => {
      body += chunk
      if (body.length > MAX_BODY) response.destroy(new Error('the answer is too long'))
    })
    response.on('end', () => resolve({ status: response.statusCode ?? 0, body }))
    response.on('error', reject)
  })
  sent.on('timeout', () => sent.destroy(new Error('no answer')))
  sent.on('error', reject)
  sent.end()
  return promise
}
