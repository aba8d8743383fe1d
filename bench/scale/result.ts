/** What one run found. Memory in MiB, times in milliseconds, sizes in bytes of messages (before TLS and HTTP/2). */
export interface Result {
  readonly services: number
  readonly endpoints: number
  readonly proxies: number
  readonly destinations: number
  readonly ready: { readonly ms: number; readonly cpuMs: number; readonly rss: number; readonly peak: number }
  readonly connect: {
    readonly ms: number
    /** How often a proxy was told to come back later. */
    readonly again: number
    readonly cpuMs: number
    readonly bytes: number
    readonly rss: number
    readonly peak: number
  }
  /** Of one core, in percent, while nothing changes. */
  readonly idleCpuPercent: number
  readonly alone: Phase
  readonly fast: Phase
  /** Of an AuthorizationPolicy of the whole mesh. */
  readonly policy: Phase
  readonly end: { readonly rss: number; readonly peak: number }
}

export interface Phase {
  readonly changes: number
  /** Proxies told of a change, on average. */
  readonly told: number
  /** From the write's sending until the last interested proxy had it. */
  readonly p50: number
  readonly p99: number
  readonly longest: number
  /** The same from the API server's answer to the write. */
  readonly answeredP50: number
  readonly answeredP99: number
  /** A change, of all proxies together. */
  readonly bytes: number
  /** A change, of the control plane. */
  readonly cpuMs: number
}

export const TARGET = { p99: 200, policyP99: 1000, memory: 1024 }

export function isWithinTarget(result: Result): boolean {
  const { alone, fast, policy, end } = result
  const quick = alone.p99 <= TARGET.p99 && fast.p99 <= TARGET.p99 && policy.p99 <= TARGET.policyP99
  return quick && end.peak <= TARGET.memory
}

export function resultText(result: Result): string {
  const { ready, connect, alone, fast, policy, end } = result
  const mib = (value: number): string => `${value.toFixed(0)} MiB`
  const ms = (value: number): string => `${value.toFixed(value < 10 ? 1 : 0)} ms`
  const kb = (value: number): string => `${(value / 1000).toFixed(1)} kB`
  const phase = (name: string, one: Phase): string =>
    `| ${name} | ${one.changes} | ${one.told.toFixed(1)} | ${ms(one.p50)} | **${ms(one.p99)}** | ${ms(one.longest)} | ` +
    `${ms(one.answeredP50)} | ${ms(one.answeredP99)} | ${kb(one.bytes)} | ${ms(one.cpuMs)} |`
  return `${result.services} Services, ${result.endpoints} endpoints with as many pods, ${result.proxies} proxies of which each calls ${result.destinations} Services.

| when | took | CPU of the control plane | resident | at most until then |
| --- | ---: | ---: | ---: | ---: |
| start until /ready | ${ms(ready.ms)} | ${ms(ready.cpuMs)} | ${mib(ready.rss)} | ${mib(ready.peak)} |
| all proxies connect at once | ${ms(connect.ms)} | ${ms(connect.cpuMs)} | ${mib(connect.rss)} | ${mib(connect.peak)} |
| nothing changes | | ${result.idleCpuPercent.toFixed(1)} % of a core | | |
| after all changes | | | ${mib(end.rss)} | **${mib(end.peak)}** |

The proxies were sent ${(connect.bytes / 1e6).toFixed(1)} MB when they connected, ${kb(connect.bytes / result.proxies)} each; ${connect.again} times one was told to come back later.

| changes | count | proxies told | p50 | p99 | longest | p50 from the answer | p99 from the answer | bytes | CPU |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
${phase('one after the other', alone)}
${phase('50 a second', fast)}
${phase('of a policy for the whole mesh', policy)}

Target: p99 at most ${TARGET.p99} ms, of the policy ${TARGET.policyP99} ms, memory at most ${TARGET.memory} MiB: ${isWithinTarget(result) ? 'reached' : '**not reached**'}.`
}
