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
  /**
   * Undefined: there is none. Otherwise what could not be read of it (resources of another release; they are asked
   * for again), one line each. Throws WeftError `xds.snapshot` or `file.*` naming the file when none of it can be
   * used; the table is as before then.
   */
  load(table: ResourceTable): readonly string[] | undefined
  /** Throws WeftError `file.*`. */
  save(table: ResourceTable): void
}

const FORMAT = 1
const LARGEST = 64 * 1024 * 1024

type Kinds = Readonly<Record<ResourceKind, string>>

interface Stored {
  readonly format: number
  readonly sha256: string
  /** DeltaDiscoveryResponse in base64, one a kind. */
  readonly kinds: Kinds
}

export function snapshotFile(directory: string): SnapshotFile {
  const path = join(directory, 'configuration.json')
  return {
    load(table) {
      const text = readTextFile(path, LARGEST)
      if (text === undefined) return undefined
      const messages = read(text)
      if (!messages)
        throw new WeftError(
          'xds.snapshot',
          `${path} is damaged or of another release: it is not used, and replaced by the next configuration`,
        )
      return messages.flatMap(([kind, message]) => restore(table, kind, message))
    },
    save(table) {
      const kinds = {
        cluster: encode(table, 'cluster'),
        endpoints: encode(table, 'endpoints'),
        listener: encode(table, 'listener'),
        route: encode(table, 'route'),
      }
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

/** All of it, before any of it goes into force. Undefined: it is not what `save` wrote. */
function read(text: string): readonly (readonly [ResourceKind, DeltaDiscoveryResponse])[] | undefined {
  try {
    const stored = JSON.parse(text) as Partial<Stored> | null
    const kinds = stored?.kinds
    if (stored?.format !== FORMAT || !kinds || KINDS.some((kind) => typeof kinds[kind] !== 'string'))
      return undefined
    if (stored.sha256 !== sumOf(kinds)) return undefined
    return KINDS.map((kind) => [kind, DeltaDiscoveryResponse.decode(Buffer.from(kinds[kind], 'base64'))])
  } catch {
    return undefined
  }
}

function restore(
  table: ResourceTable,
  kind: ResourceKind,
  { systemVersionInfo = '', resources = [], removedResources = [] }: DeltaDiscoveryResponse,
): readonly string[] {
  table.version = systemVersionInfo
  const held = resources.map(({ name = '', version = '', resource = {} }) => ({ name, version, resource }))
  return table.restore(kind, held, removedResources)
}

/** Against damage; who can write the file is the pod itself. */
function sumOf(kinds: Kinds): string {
  const hash = createHash('sha256')
  for (const kind of KINDS) hash.update(`${kind}:${kinds[kind]}\n`)
  return hash.digest('hex')
}
