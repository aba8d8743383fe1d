// The thread that has the database: what SQL waits for holds up nobody who serves. Told by store.ts.
import { parentPort, workerData } from 'node:worker_threads'
import { describeError } from '../../core/errors.ts'
import type { FromStore, Method, StoreOptions, ToStore } from './messages.ts'
import { brokenReason, isFull, memoryDatabase, moveAside, openDatabase } from './open-database.ts'
import { TelemetryDatabase, type Batch } from './telemetry-database.ts'

const options = workerData as StoreOptions
const now = (): number => Date.now()

let store = open()

/** On the disk where that is possible, else in memory. */
function open(): TelemetryDatabase {
  const { directory, maxBytes } = options
  if (directory === undefined) return inMemory('')
  try {
    const { database, movedAside } = openDatabase(directory, maxBytes, now())
    const opened = new TelemetryDatabase(database, maxBytes, now)
    const problem = movedAside ? `what was kept is now ${movedAside.file}, as ${movedAside.reason}` : ''
    say({ kind: 'state', where: 'disk', problem })
    return opened
  } catch (error) {
    return inMemory(`${directory} cannot be used: ${describeError(error)}`)
  }
}

function inMemory(problem: string): TelemetryDatabase {
  const opened = new TelemetryDatabase(memoryDatabase(options.memoryBytes), options.memoryBytes, now)
  say({ kind: 'state', where: 'memory', problem })
  return opened
}

function write(batch: Batch): void {
  try {
    store.write(batch)
  } catch (error) {
    replace(error)
    try {
      store.write(batch)
    } catch {
      // What even an empty one does not take is nobody's loss but its own.
    }
  }
}

/** What cannot be written goes on elsewhere: broken, in a new file; without room, in memory. */
function replace(error: unknown): void {
  try {
    store.close()
  } catch {
    // It is given up anyway.
  }
  const reason = brokenReason(error)
  if (options.directory !== undefined && reason !== undefined) {
    moveAside(options.directory, now())
    store = open()
    return
  }
  const full = isFull(error) ? 'there is no room for it any more' : describeError(error)
  store = inMemory(`nothing more can be written to ${options.directory ?? 'memory'}: ${full}`)
}

function answer(method: Method, asked: readonly unknown[]): unknown {
  return (store[method] as (...all: readonly unknown[]) => unknown)(...asked)
}

function say(message: FromStore): void {
  parentPort?.postMessage(message)
}

parentPort?.on('message', (message: ToStore) => {
  switch (message.kind) {
    case 'write':
      write(message.batch)
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
      store.close()
      say({ kind: 'closed' })
      parentPort?.close()
  }
})
