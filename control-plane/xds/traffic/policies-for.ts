import type { Mesh } from '../../model/mesh.ts'
import { NO_TABLES, type TrafficTables } from '../../model/traffic-tables.ts'
import type { ClientTakes } from '../client-takes.ts'

/** What policies say to this kind of client: nothing to a sidecar that would refuse whatever says it. */
export function policiesFor({ traffic }: Pick<Mesh, 'traffic'>, { policies }: ClientTakes): TrafficTables {
  return policies ? traffic : NO_TABLES
}
