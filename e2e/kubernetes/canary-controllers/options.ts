/** What `--help` prints; `controllers` are name and version of each. */
export function helpText(
  controllers: readonly { readonly name: string; readonly version: string }[],
): string {
  return `usage: npm run test:canary-controllers [-- CONTROLLER... OPTION...]

Has Flagger and Argo Rollouts release a version of a service on Weft in a real Kubernetes (that of npm run test:kube), with a
Prometheus that reads the sidecars: one version that is promoted, and one that is taken back. docs/canary-controllers.md
says more.

${controllers.map(({ name, version }) => `  ${name.padEnd(13)}  ${version}`).join('\n')}

  --check  make and run nothing; say which programs are in the cache, and exit with 3 if one is not
  --json   one object on standard output: {ok, seconds, controllers: [{name, version, steps: [{name, ok, expected, observed}]}]}
  --help   this text

They are built from their Go modules into a cache the first time (some 20 minutes on two idle cores), beside the cluster's
programs; Prometheus is Debian's. It needs Linux, root and Go 1.26 or newer.
Exit: 0 all as expected, 1 not, 2 for wrong use, 3 something cannot be had here (it says what).`
}
