// Honest traffic, and a pulse of the process that is attacked: `node honest.ts PULSE_URL`. Says `begun` once all is
// well; a line on its input begins what is counted, its end ends it; then one JSON object tells what was seen.
import { Agent, request } from 'node:http'
import { Agent as TlsAgent, request as requestTls } from 'node:https'

const EVERY_MS = 25
const AT_ONCE = 8
const PATIENCE_MS = 10_000
const URL_OF_SERVER = 'http://server.shop:8080/honest'

const pulse = process.argv[2] ?? ''
const agents = {
  'http:': new Agent({ keepAlive: true, maxSockets: AT_ONCE }),
  'https:': new TlsAgent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false }),
}
const pulseAgent = new Agent({ keepAlive: true, maxSockets: 1 })

/** The status, or why there is none. */
function get(url: string, agent: Agent): Promise<string> {
  return new Promise((resolve) => {
    const send = url.startsWith('https:') ? requestTls : request
    const outgoing = send(url, { agent, timeout: PATIENCE_MS }, (response) => {
      response.resume()
      response.on('end', () => resolve(String(response.statusCode)))
      response.on('error', (error) => resolve(error.message))
    })
    outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer within ${PATIENCE_MS} ms`)))
    outgoing.on('error', (error) => resolve(error.message))
    outgoing.end()
  })
}

const seen = { calm_ms: 0, requests: 0, failed: 0, errors: {} as Record<string, number>, stall_ms: 0 }
let counted = false
let open = 0

async function honest(): Promise<void> {
  if (open >= AT_ONCE) return
  open++
  const status = await get(URL_OF_SERVER, agents['http:'])
  open--
  if (!counted) return
  seen.requests++
  if (status === '200') return
  seen.failed++
  seen.errors[status] = (seen.errors[status] ?? 0) + 1
}

let beating = false
async function beat(): Promise<void> {
  if (beating || pulse === '') return
  beating = true
  const began = performance.now()
  await get(pulse, pulse.startsWith('https:') ? agents['https:'] : pulseAgent)
  beating = false
  const tookMs = Math.round(performance.now() - began)
  if (counted) seen.stall_ms = Math.max(seen.stall_ms, tookMs)
  else seen.calm_ms = Math.max(seen.calm_ms, tookMs)
}

while ((await get(URL_OF_SERVER, agents['http:'])) !== '200')
  await new Promise((resolve) => setTimeout(resolve, 50))
if (pulse !== '') await get(pulse, pulse.startsWith('https:') ? agents['https:'] : pulseAgent)
console.log('begun')
const timer = setInterval(() => {
  void honest()
  void beat()
}, EVERY_MS)
process.stdin.once('data', () => (counted = true))
process.stdin.on('end', () => {
  clearInterval(timer)
  const finish = setInterval(() => {
    if (open > 0 || beating) return
    clearInterval(finish)
    console.log(JSON.stringify(seen))
    process.exit(0)
  }, 10)
})
