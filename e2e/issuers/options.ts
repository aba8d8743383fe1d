import type { Trial } from './trial.ts'

type Named = Pick<Trial, 'name' | 'version' | 'clusterParts'>

/** What `--help` prints. */
export function helpText(trials: readonly Named[]): string {
  const lines = trials.map(
    ({ name, version, clusterParts }) =>
      `  ${name.padEnd(12)}  ${version}${clusterParts.length > 0 ? ', with a Kubernetes of npm run test:kube' : ''}`,
  )
  return `usage: npm run test:issuers [-- ISSUER... OPTION...]

Has real programs of others certify workloads of a control plane: docs/issuers.md.

${lines.join('\n')}

  --check  make and run nothing; say which are in the cache, and exit with 3 if one is not
  --json   one object on standard output: {ok, seconds, issuers: [{name, version, steps: [{name, ok, expected, observed}]}]}
  --help   this text

They are built from their Go modules into a cache the first time, which takes many minutes. It needs Linux and Go 1.26 or
newer; SPIRE a C compiler, and those with a Kubernetes root.
Exit: 0 all as expected, 1 not, 2 for wrong use, 3 something cannot be had here (it says what).`
}
