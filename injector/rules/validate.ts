import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { Server } from 'node:net'
import { WeftError } from '../../core/errors.ts'
import { hasRoutableAddress } from './apply.ts'
import type { Host } from './apply.ts'
import { PROBE_ADDRESSES } from './capture.ts'
import type { CaptureSettings, Family } from './capture.ts'

/** How long a probe may take: a captured one never leaves the pod. */
const PROBE_MS = 5000
const LOOPBACK: Readonly<Record<Family, string>> = { 4: '127.0.0.1', 6: '::1' }
/** What connecting says where the pod has no address of the family, or no way out by it. */
const NO_FAMILY = new Set(['ENETUNREACH', 'EADDRNOTAVAIL', 'EAFNOSUPPORT', 'EPFNOSUPPORT'])

/**
 * Sees, without any capability, whether the pod's capture rules are in force: it listens where the sidecar will, connects to
 * an address that nobody has, and is answered by itself if the rules lead there. In a pod that has no sidecar yet. Throws a
 * WeftError `init.not_captured` if a family of the pod is not captured.
 */
export async function validateCapture(
  { outboundPort }: Pick<CaptureSettings, 'outboundPort'>,
  { ifInet6, logger }: Pick<Host, 'ifInet6' | 'logger'>,
  probeMs: number = PROBE_MS,
): Promise<void> {
  // As where the rules are set: an IPv6 address of its link alone takes no traffic anywhere.
  const present: Family[] = hasRoutableAddress(ifInet6() ?? '') ? [4, 6] : [4]
  const families = await Promise.all(
    present.map(async (family) => [family, await isCaptured(family, outboundPort, probeMs)] as const),
  )
  const open = families.filter(([, captured]) => captured === false)
  const captured = families.filter(([, is]) => is === true)
  if (open.length > 0 || captured.length === 0) {
    const which = open.map(([family]) => `IPv${family}`).join(' and ') || 'any address'
    throw new WeftError(
      'init.not_captured',
      `traffic of this pod by ${which} goes past its sidecar: the CNI plugin weft-cni set no rules when the pod's network was ` +
        `made, as on a node where it was not there yet. Delete the pod; a new one gets them`,
    )
  }
  logger.info('traffic is captured', { families: captured.map(([family]) => family) })
}

/** Undefined: the pod does not use the family. */
async function isCaptured(family: Family, port: number, probeMs: number): Promise<boolean | undefined> {
  const token = randomUUID()
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.end(token)
  })
  try {
    if (!(await listen(server, LOOPBACK[family], port))) return undefined
    const answer = await ask(PROBE_ADDRESSES[family], port, probeMs, token.length)
    return answer.code !== undefined && NO_FAMILY.has(answer.code) ? undefined : answer.text === token
  } finally {
    server.close()
  }
}

/** False: no such address in this pod. */
async function listen(server: Server, host: string, port: number): Promise<boolean> {
  server.listen({ host, port })
  try {
    await once(server, 'listening')
    return true
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? ''
    if (NO_FAMILY.has(code)) return false
    throw new WeftError('init.validate', `cannot listen on port ${port}: ${code}`, { cause: error })
  }
}

interface Answer {
  readonly text: string
  /** Why there was none, as the system says it. */
  readonly code?: string
}

function ask(host: string, port: number, timeoutMs: number, bytes: number): Promise<Answer> {
  const { promise, resolve } = Promise.withResolvers<Answer>()
  const socket = connect({ host, port })
  let text = ''
  const finish = (answer: Answer) => {
    socket.destroy()
    resolve(answer)
  }
  socket.setEncoding('utf8')
  socket.setTimeout(timeoutMs, () => finish({ text, code: 'ETIMEDOUT' }))
  socket.on('data', (chunk: string) => {
    text += chunk
    // Whoever else answers there may send without an end.
    if (text.length >= bytes) finish({ text })
  })
  socket.on('end', () => finish({ text }))
  socket.on('error', (error: NodeJS.ErrnoException) => finish({ text: '', code: error.code ?? 'unknown' }))
  return promise
}
