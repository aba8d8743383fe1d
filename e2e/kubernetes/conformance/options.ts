import { parseFlags } from '../../../local/flags.ts'
import { SUITE_FLAGS, type SuiteOptions } from '../../programs/suite-options.ts'
import { SUITE_VERSION } from './programs.ts'

export interface Options extends SuiteOptions {
  readonly report: string | undefined
}

export const HELP = `usage: npm run test:conformance [-- OPTION...]

Runs the conformance suite of Gateway API ${SUITE_VERSION} on Weft in a real Kubernetes (that of npm run test:kube): all tests for a
mesh, of the profiles MESH-HTTP and MESH-GRPC with every extended feature. It fails if one of them fails or is skipped.

  --report FILE  where to write the suite's report, as the suite makes it (docs/conformance has one)
  --check        make and run nothing; say which programs are in the cache, and exit with 3 if one is not
  --json         one object on standard output: {ok, version, channel, seconds, problems, tests: [{name, result, seconds}], report}
  --help         this text

The suite and Istio's test application are built from their Go modules into a cache the first time, beside the cluster's
programs. It needs Linux, root and Go 1.26 or newer.
Exit: 0 all passed, 1 not, 2 for wrong use, 3 something cannot be had here (it says what).`

/** Throws FlagError. */
export function parseOptions(argv: readonly string[]): Options {
  const { values } = parseFlags({
    args: [...argv],
    options: {
      report: { type: 'string' },
      ...SUITE_FLAGS,
    },
  } as const)
  return { ...values, report: values.report }
}
