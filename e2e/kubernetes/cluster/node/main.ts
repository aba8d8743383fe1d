// What runs a cluster inside its namespaces. Started by namespaces.ts, ended with its launcher.
import { Server } from 'node:net'
import { describeError } from '../../../../core/errors.ts'
import type { FromInside, ToInside } from '../messages.ts'
import { Inside } from './inside.ts'

let inside: Inside | undefined

function send(message: FromInside): void {
  if (process.connected) process.send?.(message, () => {})
}

function fail(message: string): void {
  send({ type: 'failed', message })
}

async function handle(message: ToInside, handle: unknown): Promise<void> {
  switch (message.type) {
    case 'start':
      inside = new Inside(message.config, {
        progress: (line) => send({ type: 'progress', line }),
        died: fail,
      })
      await inside.start()
      send({ type: 'ready' })
      break
    case 'listen':
      if (handle instanceof Server) inside?.listen(handle)
      break
    case 'end':
    case 'begin': {
      const { type, id, program } = message
      await inside?.[type](program).then(
        () => send({ type: 'done', id }),
        (error: unknown) => send({ type: 'done', id, error: describeError(error) }),
      )
      break
    }
    case 'down':
      process.exit(0)
  }
}

process.on('message', (message: ToInside, server) => {
  handle(message, server).catch((error: unknown) => fail(describeError(error)))
})
// The launcher has gone, however it went: maybe before this line.
process.on('disconnect', () => process.exit(0))
if (!process.connected) process.exit(0)
