import { once } from 'node:events'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { READY_PATH } from '../../core/contract.ts'
import type { Logger } from '../../core/log.ts'
import { installProgram, isProgramThere, removeProgram } from './node-program.ts'
import type { NodeFolders, Shipped } from './node-program.ts'
import { NodeConfiguration } from './node-configuration.ts'

export interface DaemonOptions {
  readonly folders: NodeFolders & { readonly configuration: string }
  readonly shipped: Shipped
  readonly version: string
  readonly healthPort: number
  readonly logger: Logger
  /** Aborted to stop. */
  readonly stopped: AbortSignal
  /** Asked when it stops: whether the plugin leaves the node for good. */
  readonly isUninstalled: () => Promise<boolean>
  readonly onListening?: (port: number) => void
  readonly lookAgainMs?: number
}

/** Keeps the plugin on its node until stopped. */
export async function runDaemon(options: DaemonOptions): Promise<void> {
  const { folders, shipped, version, logger } = options
  installProgram(folders, shipped, version)
  logger.info('program installed', { folder: folders.bin })
  const configuration = new NodeConfiguration(folders.configuration, logger)
  const health = await serveHealth(
    options,
    () => configuration.presence.value.present && isProgramThere(folders),
  )
  try {
    configuration.keep(options.lookAgainMs)
    if (!options.stopped.aborted) await once(options.stopped, 'abort')
  } finally {
    configuration.stop()
    health.close()
    health.closeAllConnections()
  }
  if (!(await options.isUninstalled())) {
    logger.info('stopped: the plugin stays in place')
    return
  }
  // In this order: what calls the program goes first.
  configuration.remove()
  removeProgram(folders)
  logger.info('uninstalled')
}

async function serveHealth(
  { healthPort, onListening }: DaemonOptions,
  isReady: () => boolean,
): Promise<Server> {
  const server = createServer({ maxHeaderSize: 8192, requestTimeout: 5000 }, (request, response) => {
    const status = request.url === '/live' ? 200 : request.url === READY_PATH ? (isReady() ? 200 : 503) : 404
    response.writeHead(status, { 'content-type': 'text/plain' }).end(status === 200 ? 'ok\n' : 'not ready\n')
  })
  server.maxConnections = 16
  server.listen({ host: '127.0.0.1', port: healthPort })
  await once(server, 'listening')
  onListening?.((server.address() as AddressInfo).port)
  return server
}
