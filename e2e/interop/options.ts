/** What `--help` prints; `suites` are name and title of each. */
export function helpText(suites: readonly { readonly name: string; readonly title: string }[]): string {
  const width = Math.max(...suites.map(({ name }) => name.length))
  return `usage: npm run test:interop [-- SUITE... OPTION...]

Runs programs of other projects against each other, direct and through a pair of sidecars (mutual TLS between them,
the bundle that images ship), and prints how many cases pass on each way. A case that ends differently fails.

${suites.map(({ name, title }) => `  ${name.padEnd(width)}  ${title}`).join('\n')}

  --check  make and run nothing; say which programs are in the cache, and exit with 3 if one is not
  --json   the result as JSON on standard output
  --help   this text

The first time it builds what the suites need (Go 1.26 or newer, Java 17 with Maven, Python 3 with pip, apt-get) into the
cache that \`npm run test:kube\` has, too; all of them take some minutes. Everything listens on loopback only.
Exit: 0 the same on both ways, 1 not or stopped, 2 for wrong use, 3 something cannot be had here (it says what).`
}
