import { get } from 'node:http'
import { get as getTls, request } from 'node:https'
import { delay, tally, type Target } from './sockets.ts'

/** The status of a GET over a connection of its own, or why there is none. */
function asked({ host, port }: Target, path: string, name: string, tls = false): Promise<string> {
  return new Promise((resolve) => {
    const options = { host, port, path, headers: { host: name }, timeout: 5000, agent: false }
    const sent = tls ? getTls({ ...options, rejectUnauthorized: false }) : get(options)
    sent
      .on('response', (response) => response.resume().on('end', () => resolve(String(response.statusCode))))
      .on('timeout', () => sent.destroy(new Error('no answer')))
      .on('error', (error) => resolve(error.message))
  })
}

const PAUSE_MS = 500

/** So many GETs one after the other, each over a connection of its own; gives what went wrong. */
export async function reach(target: Target, path: string, count: number, tls: boolean): Promise<unknown> {
  const statuses: string[] = []
  for (let at = 0; at < count; at++) {
    statuses.push(await asked(target, path, target.host, tls))
    await delay(PAUSE_MS)
  }
  return { failed: tally(statuses.filter((status) => status !== '200')) }
}

/** Names that a page's own server may have in somebody's browser (DNS rebinding). */
const NAMES = [
  'evil.example',
  'EVIL.example.',
  'evil.example:15080',
  '127.0.0.1.evil.example',
  'localhost.evil',
]

/** The REST interface under names that are not its own; gives those that were answered. */
export async function hosts(target: Target): Promise<unknown> {
  const statuses = await Promise.all(NAMES.map((name) => asked(target, '/api/proxies', name)))
  return { answered: NAMES.filter((_, at) => statuses[at] === '200'), statuses: tally(statuses) }
}

/** Paths that a backtracking engine needs for ever for, by the patterns of manifests/mesh.yaml. */
const PATHS = [`/re/${'a'.repeat(28)}!`, `/alternatives/${'ab'.repeat(20)}!`, `/dots/${'x'.repeat(2000)}!`]

export async function patterns(target: Target, count: number): Promise<unknown> {
  const statuses: string[] = []
  for (let at = 0; at < count; at++)
    for (const path of PATHS) statuses.push(await asked(target, path, target.host))
  return { statuses: tally(statuses) }
}

/** What the webhook says to pods of these specifications and annotations: JSON, as admission.k8s.io/v1 has it. */
export async function admissions(target: Target, pods: readonly object[]): Promise<unknown> {
  const answers = await Promise.all(
    pods.map(
      (pod, at) =>
        new Promise((resolve, reject) => {
          const review = {
            apiVersion: 'admission.k8s.io/v1',
            kind: 'AdmissionReview',
            request: {
              uid: `uid-${at}`,
              kind: { group: '', version: 'v1', kind: 'Pod' },
              resource: { group: '', version: 'v1', resource: 'pods' },
              operation: 'CREATE',
              namespace: 'shop',
              object: pod,
            },
          }
          const { host, port } = target
          const options = { host, port, path: '/mutate', method: 'POST', rejectUnauthorized: false }
          const headers = { 'content-type': 'application/json' }
          request({ ...options, headers }, (response) => {
            let text = ''
            response.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')))
            response.on('end', () => resolve((JSON.parse(text) as { response: object }).response))
          })
            .on('error', reject)
            .end(JSON.stringify(review))
        }),
    ),
  )
  return { answers }
}
