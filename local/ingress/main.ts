import { WeftError } from '../../core/errors.ts'
import { startForwarder } from './forwarder.ts'

/** `weft local ingress SOCKET`: what the ingress pod of a cluster runs, until SIGTERM. */
export function runIngress(argv: readonly string[]): Promise<number> {
  const [socketPath, ...more] = argv
  if (socketPath === undefined || more.length > 0) throw new WeftError('cli.flags', 'one SOCKET is required')
  const server = startForwarder(socketPath)
  return new Promise((resolve, reject) => {
    server.on('error', reject)
    process.once('SIGTERM', () => process.exit(0))
    server.on('close', () => resolve(0))
  })
}
