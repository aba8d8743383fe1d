import { createHash } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { readTextFile, replacePrivateFile } from '../../certs/private-file.ts'
import { WeftError } from '../../core/errors.ts'
import { DeltaDiscoveryResponse } from '../../core/xds/generated/envoy.js'
import type { ResourceKind } from './decode.ts'
import { KINDS, type ResourceTable } from './resource-table.ts'

/**
 * The configuration in force, for this proxy's own restart while the control plane is away: one file of mode 0600 in
 * the pod's own tmpfs. The resources are kept as they came, in xDS's own messages.
 */
export interface SnapshotFile {
  /** False: there is none. Throws WeftError `xds.snapshot` naming the file when it can't be used. */
  load(table: ResourceTable): boolean
  save(table: ResourceTable): void
}

const FORMAT = 1
const LARGEST = 64 * 1024 * 1024

interface Stored {
  readonly format: number
  readonly sha256: string
  /** DeltaDiscoveryResponse in base64, one a kind. */
  readonly kinds: Readonly<Record<string, string>>
}

export function snapshotFile(directory: string): SnapshotFile {
  const path = join(directory, 'configuration.json')
  return {
    load(table) {
      const text = readTextFile(path, LARGEST)
      if (text === undefined) return false
      const stored = read(text, path)
      for (const kind of KINDS) {
        const message = DeltaDiscoveryResponse.decode(Buffer.from(stored.kinds[kind] ?? '', 'base64'))
        table.version = message.systemVersionInfo ?? ''
        table.restore(
          kind,
          (message.resources ?? []).map(({ name = '', version = '', resource = {} }) => ({
            name,
            version,
            resource,
          })),
          message.removedResources ?? [],
        )
      }
      return true
    },
    save(table) {
      const kinds = Object.fromEntries(KINDS.map((kind) => [kind, encode(table, kind)]))
      mkdirSync(directory, { recursive: true, mode: 0o700 })
      replacePrivateFile(
        path,
        JSON.stringify({ format: FORMAT, sha256: sumOf(kinds), kinds } satisfies Stored),
      )
    },
  }
}

function encode(table: ResourceTable, kind: ResourceKind): string {
  const bytes = DeltaDiscoveryResponse.encode({
    systemVersionInfo: table.version,
    resources: table.held(kind).map(({ name, version, resource }) => ({ name, version, resource })),
    removedResources: table.absent(kind),
  })
  return Buffer.from(bytes).toString('base64')
}

function read(text: string, path: string): Stored {
  let stored: Partial<Stored> | null
  try {
    stored = JSON.parse(text) as Partial<Stored> | null
  } catch {
    stored = null
  }
  if (stored?.format === FORMAT && stored.kinds && stored.sha256 === sumOf(stored.kinds))
    return stored as Stored
  throw new WeftError(
    'xds.snapshot',
    `${path} is damaged or of another release: it is not used, and replaced by the next configuration`,
  )
}

function sumOf(kinds: Readonly<Record<string, string>>): string {
  const hash = createHash('sha256')
  for (const kind of KINDS) hash.update(`${kind}:${kinds[kind] ?? ''}\n`)
  return hash.digest('hex')
}
