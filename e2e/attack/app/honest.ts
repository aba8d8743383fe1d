// Honest traffic, and a pulse of the process that is attacked: `node honest.ts PULSE_URL`. Says `begun` once all is
// well; a line on its input begins what is counted, its end ends it; then one JSON object tells what was seen.
import { Agent, request } from 'node:http'
import { Agent as TlsAgent, request as requestTls } from 'node:https'

const EVERY_MS = 25
const AT_ONCE = 8
const PATIENCE_MS = 10_000
const URL_OF_SERVER = 'http://server.shop:8080/honest'

const pulse = process.argv[2] ?? ''
const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE })
// A connection each: one that was there before says nothing of whether one can be had.
const pulseAgent = pulse.startsWith('https:') ? new TlsAgent({ rejectUnauthorized: false }) : new Agent()

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

function count(status: string): void {
  if (!counted) return
  seen.requests++
  if (status === '200') return
  seen.failed++
  seen.errors[status] = (seen.errors[status] ?? 0) + 1
}

async function honest(): Promise<void> {
  if (open >= AT_ONCE) return
  open++
  count(await get(URL_OF_SERVER, agent))
  open--
}

let beating = false
async function beat(): Promise<void> {
  if (beating || pulse === '') return
  beating = true
  const began = performance.now()
  count(await get(pulse, pulseAgent))
  beating = false
  const tookMs = Math.round(performance.now() - began)
  if (counted) seen.stall_ms = Math.max(seen.stall_ms, tookMs)
  else seen.calm_ms = Math.max(seen.calm_ms, tookMs)
}

while ((await get(URL_OF_SERVER, agent)) !== '200') await new Promise((resolve) => setTimeout(resolve, 50))
if (pulse !== '') await get(pulse, pulseAgent)
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
