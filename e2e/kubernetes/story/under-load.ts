import { eventually, load, type LoadReport, type MeshCluster, type PodInfo } from '../../demo/scenario.ts'

const LONGEST_SECONDS = '300'
/** Ends the load that runs in the same container; there is no shell. */
const END = `
const { readdirSync, readFileSync } = require('node:fs')
const loads = readdirSync('/proc').filter((pid) => {
  try { return readFileSync('/proc/' + pid + '/cmdline', 'utf8').includes('load.ts') } catch { return false }
})
for (const pid of loads) process.kill(Number(pid), 'SIGTERM')
console.log(loads.length)
`

/** Sends requests from a pod for as long as `during` runs, and reports what became of them. */
export async function underLoad(
  mesh: MeshCluster,
  from: PodInfo,
  options: readonly string[],
  during: () => Promise<unknown>,
): Promise<LoadReport> {
  const state = { ended: false }
  const report = load(mesh, from, '--seconds', LONGEST_SECONDS, ...options).finally(() => {
    state.ended = true
  })
  report.catch(() => {})
  try {
    await during()
  } finally {
    await eventually(30, 'the load', async () => {
      const { stdout } = await mesh.exec(from, ['node', '-e', END])
      return Number(stdout) > 0 || state.ended ? true : undefined
    })
  }
  return report
}
