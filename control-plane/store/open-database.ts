import { chmodSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describeError } from '../../core/errors.ts'

/** Grows with every change of the tables below. */
export const SCHEMA = 1
const FILE = 'telemetry.db'
const PAGE_BYTES = 4096

const TABLES = `
CREATE TABLE IF NOT EXISTS keys (id INTEGER PRIMARY KEY, name TEXT NOT NULL, key TEXT NOT NULL, used INTEGER NOT NULL, UNIQUE (name, key));
CREATE TABLE IF NOT EXISTS cells (
  level INTEGER NOT NULL, at INTEGER NOT NULL, key INTEGER NOT NULL, counts BLOB NOT NULL,
  PRIMARY KEY (level, at, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS rolled (level INTEGER PRIMARY KEY, until INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS parts (
  trace TEXT NOT NULL, namespace TEXT NOT NULL, pod TEXT NOT NULL, start REAL NOT NULL, bytes INTEGER NOT NULL,
  failed INTEGER NOT NULL, spans TEXT NOT NULL, PRIMARY KEY (trace, namespace, pod)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS parts_of_pod ON parts (namespace, pod, failed, start);
CREATE TABLE IF NOT EXISTS traces (
  trace TEXT PRIMARY KEY, start REAL NOT NULL, duration REAL NOT NULL, failed INTEGER NOT NULL, came INTEGER NOT NULL,
  row TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS traces_by_start ON traces (start);
CREATE TABLE IF NOT EXISTS events (id INTEGER PRIMARY KEY, at REAL NOT NULL, event TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS events_by_time ON events (at);
`

export interface OpenedDatabase {
  readonly database: DatabaseSync
  /** What stood in its place was moved here, and why; undefined: nothing was. */
  readonly movedAside: { readonly file: string; readonly reason: string } | undefined
}

/** In memory. */
export function memoryDatabase(maxBytes: number): DatabaseSync {
  return prepared(new DatabaseSync(':memory:'), maxBytes)
}

/**
 * The store's file in a directory, which is made where it is not there; readable by its user alone. One that is broken, or of
 * a newer version of Weft, is moved aside, the one that was moved before it goes. Throws where nothing can be written.
 */
export function openDatabase(directory: string, maxBytes: number, now: number): OpenedDatabase {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const file = join(directory, FILE)
  try {
    return { database: open(file, maxBytes), movedAside: undefined }
  } catch (error) {
    const reason = brokenReason(error)
    if (reason === undefined) throw error
    const aside = moveAside(directory, now)
    return { database: open(file, maxBytes), movedAside: { file: aside, reason } }
  }
}

class NewerSchema extends Error {}

function open(file: string, maxBytes: number): DatabaseSync {
  const database = new DatabaseSync(file)
  try {
    chmodSync(file, 0o600)
    // Nobody else writes it; whoever tries is told at once.
    database.exec('PRAGMA locking_mode = EXCLUSIVE')
    database.exec('PRAGMA journal_mode = WAL')
    const { user_version: version } = database.prepare('PRAGMA user_version').get() as {
      user_version: number
    }
    if (version > SCHEMA) throw new NewerSchema(`it is of a newer version of Weft (schema ${version})`)
    const { quick_check: check } = database.prepare('PRAGMA quick_check(1)').get() as { quick_check: string }
    if (check !== 'ok') throw Object.assign(new Error(check), { errcode: SQLITE_CORRUPT })
    return prepared(database, maxBytes)
  } catch (error) {
    database.close()
    throw error
  }
}

function prepared(database: DatabaseSync, maxBytes: number): DatabaseSync {
  // What a crash of the machine takes are the last seconds; the file stays sound (https://www.sqlite.org/pragma.html).
  database.exec('PRAGMA synchronous = NORMAL')
  database.exec('PRAGMA journal_size_limit = 4194304')
  database.exec('PRAGMA cache_size = -4096')
  database.exec(`PRAGMA max_page_count = ${Math.max(64, Math.floor(maxBytes / PAGE_BYTES))}`)
  database.exec(TABLES)
  database.exec(`PRAGMA user_version = ${SCHEMA}`)
  return database
}

// Result codes of https://www.sqlite.org/rescode.html, of which extended ones have the primary one in their low byte.
const SQLITE_BUSY = 5
const SQLITE_CORRUPT = 11
const SQLITE_FULL = 13
const SQLITE_NOTADB = 26

/** Why a file is no use; undefined where it is not the file. */
export function brokenReason(error: unknown): string | undefined {
  if (error instanceof NewerSchema) return error.message
  return [SQLITE_CORRUPT, SQLITE_NOTADB].includes(codeOf(error))
    ? `it is broken: ${describeError(error)}`
    : undefined
}

/** There is no more room: on the disk, or within the bound of the file. */
export function isFull(error: unknown): boolean {
  return codeOf(error) === SQLITE_FULL
}

/** Another process has it. */
export function isInUse(error: unknown): boolean {
  return codeOf(error) === SQLITE_BUSY
}

function codeOf(error: unknown): number {
  const code = (error as { errcode?: unknown }).errcode
  return typeof code === 'number' ? code & 0xff : -1
}

/** Gives the new path of the file. */
export function moveAside(directory: string, now: number): string {
  for (const name of readdirSync(directory))
    if (name.startsWith(`${FILE}.aside-`)) rmSync(join(directory, name), { force: true })
  const aside = join(directory, `${FILE}.aside-${new Date(now).toISOString().replaceAll(':', '')}`)
  renameSync(join(directory, FILE), aside)
  for (const suffix of ['-wal', '-shm']) rmSync(join(directory, `${FILE}${suffix}`), { force: true })
  return aside
}
