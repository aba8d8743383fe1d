import { WeftError } from '../../core/errors.ts'
import { inOrder, type Problem } from '../../core/problem.ts'
import type { InputText } from '../inject/read-inputs.ts'
import { migrateIstio } from './istio/istio.ts'
import { migrateLinkerd } from './linkerd/linkerd.ts'
import { migrateObjects, readObjects, type MigratedObject, type Migrate } from './migrate-objects.ts'

const MESHES: Readonly<Record<string, Migrate>> = { istio: migrateIstio, linkerd: migrateLinkerd }

export interface Migration {
  readonly migrated: readonly MigratedObject[]
  /** Of all objects, what is lost first. */
  readonly notes: readonly Problem[]
}

/** Converts texts of YAML or JSON. Throws WeftError `migrate.input` that says where one can't be read. */
export function migrateTexts(mesh: string, texts: readonly InputText[], namespace: string): Migration {
  const migrate = MESHES[mesh]
  if (!migrate)
    throw new WeftError('cli.flags', `must be ${Object.keys(MESHES).join(' or ')}`, { field: 'MESH' })
  const migrated = migrateObjects(readObjects(texts, namespace), migrate)
  return { migrated, notes: inOrder(migrated.flatMap(({ notes }) => notes)) }
}
