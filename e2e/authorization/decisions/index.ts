import type { Scene } from '../scene.ts'
import { ADDRESSES } from './addresses.ts'
import { HEADERS } from './headers.ts'
import { IDENTITIES } from './identities.ts'
import { DEFAULTS, LEVELS, MODES } from './levels.ts'
import { OPERATIONS } from './operations.ts'
import { HOSTS, PATHS } from './paths.ts'
import { BYTES, TARGETS } from './targets.ts'
import { STEPS_OF_PAGE } from './steps-of-page.ts'
import { TOKENS } from './tokens.ts'

/** What docs/security.md says of policies, request by request. Written from that page and from Istio's, not from the code. */
export const SCENES: readonly Scene[] = [
  ...IDENTITIES,
  ...ADDRESSES,
  ...OPERATIONS,
  ...PATHS,
  ...HOSTS,
  ...HEADERS,
  ...TOKENS,
  ...LEVELS,
  ...DEFAULTS,
  ...MODES,
  ...BYTES,
  ...TARGETS,
  ...STEPS_OF_PAGE,
]
