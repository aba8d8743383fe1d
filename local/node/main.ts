// The node: the one process that runs a cluster, in namespaces of its own. Started by cluster.ts.
import { Server, Socket } from 'node:net'
import type { AddressInfo } from 'node:net'
import { describeError } from '../../core/errors.ts'
import { clearStateDirectory, makeStateDirectory } from '../state-directory.ts'
import type { FromNode, ToNode } from './messages.ts'
import { startNode } from './node.ts'
import type { RunningNode } from './node.ts'

let node: RunningNode | undefined
let stateDirectory: { readonly path: string; readonly own: boolean } | undefined
let ending = false

function send(message: FromNode): void {
  if (process.connected) process.send?.(message, () => {})
}

/** Once this process ends, so do all others of its PID namespace, and every mount and address goes. */
function end(code: number): never {
  if (stateDirectory) clearStateDirectory(stateDirectory.path, stateDirectory.own)
  process.exit(code)
}

async function take(message: ToNode, handle: unknown): Promise<void> {
  switch (message.type) {
    case 'start':
      // Made here and not by the launcher: however that goes, this process clears it away.
      stateDirectory = {
        path: message.config.stateDirectory,
        own: makeStateDirectory(message.config.stateDirectory),
      }
      node = await startNode(message.config, {
        progress: (line) => send({ type: 'progress', line }),
        warn: (line) => send({ type: 'warning', line }),
        problems: (change) => send({ type: 'problems', change }),
        ready: () => send({ type: 'ready' }),
        down: () => void down(),
      })
      send({ type: 'up' })
      break
    case 'expose':
      if (handle instanceof Server && node) {
        handle.on('connection', node.expose(message.target))
        node.exposedAt(message.target, (handle.address() as AddressInfo).port)
      }
      break
    case 'exposed':
      if (handle instanceof Socket && node) node.expose(message.target)(handle)
      break
    case 'manifests':
      await node?.putManifests(message.index, message.text)
      break
    case 'down':
      await down()
  }
}

/** In order; asked a second time, or before the node has started, at once. */
async function down(): Promise<void> {
  if (ending) end(0)
  ending = true
  await node?.close()
  end(0)
}

process.on('message', (message: ToNode, handle) => {
  take(message, handle).catch((error: unknown) => {
    send({ type: 'failed', message: describeError(error) })
    setTimeout(() => end(1), 50)
  })
})
// The launcher has gone, however it went: maybe before this line.
process.on('disconnect', () => end(0))
if (!process.connected) end(0)
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void down())
process.on('uncaughtException', (error) => {
  send({ type: 'warning', line: `internal error: ${error.stack ?? error.message}` })
})
