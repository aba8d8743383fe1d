import { Agent, request } from 'node:http'
import { parseArgs } from 'node:util'

/**
 * Sends requests and counts what comes back, as one JSON object. `{n}` in the URL becomes the request's
 * number. Used by the demo inside a pod, so that its traffic goes through that pod's sidecar.
 */
const { values } = parseArgs({
  options: {
    url: { type: 'string' },
    count: { type: 'string', default: '0' },
    seconds: { type: 'string', default: '0' },
    concurrency: { type: 'string', default: '8' },
    rate: { type: 'string', default: '0' },
    method: { type: 'string', default: 'GET' },
    header: { type: 'string', multiple: true, default: [] },
    timeline: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
if (values.help || !values.url) {
  console.log('usage: load.ts --url URL (--count N | --seconds S) [--concurrency N] [--rate PER_SECOND]')
  console.log('               [--method M] [--header name:value] [--timeline]')
  process.exit(values.help ? 0 : 2)
}

const url = values.url
const PATIENCE_MS = 15_000
const TIMED_OUT = `no answer within ${PATIENCE_MS / 1000} s`
const most = Number(values.count) || Infinity
const deadline = Number(values.seconds) > 0 ? Date.now() + Number(values.seconds) * 1000 : Infinity
const concurrency = Number(values.concurrency)
const rate = Number(values.rate)
const headers = Object.fromEntries(
  values.header.map((header) => [
    header.slice(0, header.indexOf(':')),
    header.slice(header.indexOf(':') + 1).trim(),
  ]),
)
const agent = new Agent({ keepAlive: true, maxSockets: concurrency })

const statuses: Record<string, number> = {}
const versions: Record<string, number> = {}
/** By what went wrong, and whose doing it is. */
const failures: Record<string, number> = {}
const samples: unknown[] = []
const timeline: [at: number, version: string, status: number][] = []
let sent = 0
const state = { stopped: false }
process.on('SIGTERM', () => {
  state.stopped = true
})

function count(failure: string): void {
  failures[failure] = (failures[failure] ?? 0) + 1
}

/** Whatever the mesh answers by itself says so in proxy-status (RFC 9209), and why. */
function answeredBy(proxyStatus: string | string[] | undefined): string {
  if (proxyStatus === undefined) return 'the application'
  const [, details = ''] = /details="([^"]*)"/.exec(String(proxyStatus)) ?? []
  return `the mesh (${details})`
}

function describe(error: NodeJS.ErrnoException): string {
  const { code = '', message } = error
  if (message === TIMED_OUT) return message
  if (code === 'ECONNREFUSED') return 'connection refused'
  if (code === 'ECONNRESET') return 'connection ended without an answer'
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return `name not resolved (${code})`
  return `no connection (${code || message})`
}

function once(n: number): Promise<void> {
  return new Promise((resolve) => {
    const started = Date.now()
    const outgoing = request(
      url.replaceAll('{n}', String(n)),
      { method: values.method, agent, headers },
      (response) => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => {
          text += chunk
        })
        response.on('error', () => fail('connection ended within the answer'))
        response.on('end', () => {
          const status = response.statusCode ?? 0
          statuses[status] = (statuses[status] ?? 0) + 1
          const version = /"version":"([^"]+)"/.exec(text)?.[1] ?? ''
          if (version !== '') versions[version] = (versions[version] ?? 0) + 1
          if (values.timeline) timeline.push([started, version, status])
          if (status >= 400) count(`${status} by ${answeredBy(response.headers['proxy-status'])}`)
          if (samples.length < 1 || (status >= 400 && samples.length < 4))
            samples.push({ status, proxyStatus: response.headers['proxy-status'], text: text.slice(0, 600) })
          resolve()
        })
      },
    )
    const fail = (message: string): void => {
      count(message)
      if (values.timeline) timeline.push([started, '', 0])
      resolve()
    }
    outgoing.on('error', (error: NodeJS.ErrnoException) => fail(describe(error)))
    outgoing.setTimeout(PATIENCE_MS, () => outgoing.destroy(new Error(TIMED_OUT)))
    outgoing.end(values.method === 'POST' ? '{}' : undefined)
  })
}

async function worker(): Promise<void> {
  while (!state.stopped && sent < most && Date.now() < deadline) {
    const n = sent++
    if (rate > 0) {
      const due = begun + (n * 1000) / rate
      if (due > Date.now()) await new Promise((resolve) => setTimeout(resolve, due - Date.now()))
    }
    await once(n)
  }
}

const begun = Date.now()
console.error('started')
await Promise.all(Array.from({ length: concurrency }, worker))
agent.destroy()
const failed = Object.values(failures).reduce((sum, n) => sum + n, 0)
console.log(
  JSON.stringify({
    sent,
    failed,
    statuses,
    versions,
    failures,
    samples,
    seconds: (Date.now() - begun) / 1000,
    timeline,
  }),
)
