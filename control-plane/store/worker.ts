// The thread that has the database: what SQL waits for holds up nobody who serves. Told by store.ts.
import { parentPort, workerData } from 'node:worker_threads'
import { describeError } from '../../core/errors.ts'
import { KeptDatabase } from './kept-database.ts'
import type { FromStore, Method, StoreOptions, ToStore } from './messages.ts'

const say = (message: FromStore): void => parentPort?.postMessage(message)

const kept = new KeptDatabase({
  ...(workerData as StoreOptions),
  now: Date.now,
  told: (where, problem) => say({ kind: 'state', where, problem }),
})

function answer(method: Method, asked: readonly unknown[]): unknown {
  return kept.answer((database) =>
    (database[method] as (...all: readonly unknown[]) => unknown).apply(database, [...asked]),
  )
}

parentPort?.on('message', (message: ToStore) => {
  switch (message.kind) {
    case 'write':
      kept.write(message.batch)
      return say({ kind: 'written' })
    case 'ask': {
      const { id } = message
      try {
        return say({ kind: 'answer', id, value: answer(message.method, message.asked) })
      } catch (error) {
        return say({ kind: 'failed', id, reason: describeError(error) })
      }
    }
    case 'close':
      kept.close()
      say({ kind: 'closed' })
      parentPort?.close()
  }
})
