import type { Attack } from '../attack.ts'
import { CONTROL_PLANE_ATTACKS } from './control-plane.ts'
import { IDENTITY_ATTACKS } from './identity.ts'
import { SIDECAR_ATTACKS } from './sidecar.ts'

export const ATTACKS: readonly Attack[] = [...IDENTITY_ATTACKS, ...SIDECAR_ATTACKS, ...CONTROL_PLANE_ATTACKS]
