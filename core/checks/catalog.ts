import type { Check } from './check.ts'
import { MESH_CHECKS } from './mesh.ts'
import { POD_CHECKS } from './pods.ts'
import { POLICY_CHECKS } from './policies.ts'
import { READING_CHECKS } from './reading.ts'
import { ROUTE_CHECKS } from './routes.ts'
import { SERVICE_CHECKS } from './services.ts'
import { TRAFFIC_CHECKS } from './traffic.ts'

/**
 * Everything that is looked for in the configuration of a mesh, by its code. Codes stay: one that is not looked for any more is
 * not given again.
 */
export const CHECKS = {
  ...READING_CHECKS,
  ...ROUTE_CHECKS,
  ...SERVICE_CHECKS,
  ...POLICY_CHECKS,
  ...POD_CHECKS,
  ...MESH_CHECKS,
  ...TRAFFIC_CHECKS,
} as const satisfies Readonly<Record<string, Check>>

export type CheckCode = keyof typeof CHECKS

/** Those codes in order. */
export const CHECK_CODES = Object.keys(CHECKS).toSorted() as readonly CheckCode[]

export function isCheckCode(text: string): text is CheckCode {
  return Object.hasOwn(CHECKS, text)
}
