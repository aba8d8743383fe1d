import { ActiveCheck } from './active-check.ts'
import { AllowedIdentity } from './allowed-identity.ts'
import { ConfiguredHealth } from './configured-health.ts'
import { Outlier } from './outlier.ts'
import { Removed } from './removed.ts'
import { Silence } from './silence.ts'
import type { CreateSignal } from './signal.ts'

/** Every signal in use; the worst standing of them counts. */
export const SIGNALS: readonly CreateSignal[] = [
  (context) => new ConfiguredHealth(context),
  (context) => new AllowedIdentity(context),
  (context) => new Removed(context),
  (context) => new Silence(context),
  (context) => new Outlier(context),
  (context) => new ActiveCheck(context),
]
