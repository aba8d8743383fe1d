import { randomUUID } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { Server } from 'node:net'
import { CNI_PLUGIN } from '../../core/contract.ts'
import { describeError, WeftError } from '../../core/errors.ts'
import { hasRoutableAddress } from './apply.ts'
import type { Host } from './apply.ts'
import { PROBE_ADDRESSES } from './capture.ts'
import type { CaptureSettings, Family } from './capture.ts'

/** How long a probe may take: a captured one never leaves the pod. */
const PROBE_MS = 5000
const LOOPBACK: Readonly<Record<Family, string>> = { 4: '127.0.0.1', 6: '::1' }
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
      `traffic of this pod by ${which} goes past its sidecar: the CNI plugin ${CNI_PLUGIN} set no rules when the pod's network was ` +
        `made, as on a node where it was not there yet. Delete the pod; a new one gets them`,
    )
  }
  logger.info('traffic is captured', { families: captured.map(([family]) => family) })
}

/** Undefined: nothing of the pod goes out by the family. */
async function isCaptured(family: Family, port: number, probeMs: number): Promise<boolean | undefined> {
  if (!(await hasRoute(family))) return undefined
  const token = randomUUID()
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.end(token)
  })
  try {
    await listen(server, LOOPBACK[family], port)
    return (await ask(PROBE_ADDRESSES[family], port, probeMs, token.length)) === token
  } finally {
    server.close()
  }
}

/**
 * Whether the kernel knows a way to the family's probe address. A UDP socket is asked, which sends nothing: of a TCP
 * connection nobody could tell whether the pod or a router on the way has no route.
 */
async function hasRoute(family: Family): Promise<boolean> {
  const socket = createSocket(family === 4 ? 'udp4' : 'udp6')
  try {
    socket.connect(9, PROBE_ADDRESSES[family])
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.close()
  }
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  server.listen({ host, port })
  try {
    await once(server, 'listening')
  } catch (error) {
    throw new WeftError('init.validate', `cannot listen on port ${port}: ${describeError(error)}`, {
      cause: error,
    })
  }
}

/** What is answered there, at most `bytes` and a chunk of it; '' for nothing. */
function ask(host: string, port: number, timeoutMs: number, bytes: number): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>()
  const socket = connect({ host, port })
  let text = ''
  const finish = () => {
    socket.destroy()
    resolve(text)
  }
  socket.setEncoding('utf8')
  socket.setTimeout(timeoutMs, finish)
  socket.on('data', (chunk: string) => {
    text += chunk
    // Whoever else answers there may send without an end.
    if (text.length >= bytes) finish()
  })
  socket.on('end', finish)
  socket.on('error', finish)
  return promise
}
