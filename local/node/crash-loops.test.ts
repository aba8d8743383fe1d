import t from 'tap'
import type { ContainerState, ContainerStatus } from '../pod/pod-state.ts'
import { CrashLoops } from './crash-loops.ts'

const container = (state: ContainerState): ContainerStatus => ({
  name: 'web',
  kind: 'app',
  image: 'shop/web',
  state,
  started: true,
  ready: true,
  restarts: 1,
})
const WAITS = container({ type: 'waiting', reason: 'CrashLoopBackOff', message: 'the last run: exit code 1' })
const CRASHED = container({ type: 'terminated', exitCode: 1, reason: 'Error', finishedAt: 500 })
const RUNS = container({ type: 'running', startedAt: 1000, pid: 7 })
const SAID = 'CrashLoopBackOff: the last run: exit code 1'

t.test(
  'a container that crashes again and again does not count as mended while it runs in between',
  async (t) => {
    const loops = new CrashLoops()
    t.equal(loops.reason('shop/web-1', CRASHED, 500), undefined, 'one crash is no loop yet')
    t.equal(loops.reason('shop/web-1', RUNS, 1000), undefined)
    t.notOk(loops.undecided)
    t.equal(loops.reason('shop/web-1', WAITS, 1000), SAID)
    t.equal(loops.reason('shop/web-1', RUNS, 1000), SAID)
    t.equal(loops.reason('shop/web-1', CRASHED, 1500), SAID)
    t.equal(loops.reason('shop/web-1', RUNS, 10_999), SAID)
    t.equal(loops.reason('shop/web-2', RUNS, 10_999), undefined, 'another pod')
    t.ok(loops.undecided)
    t.equal(loops.reason('shop/web-1', RUNS, 11_000), undefined)
    t.notOk(loops.undecided)
    t.equal(loops.reason('shop/web-1', RUNS, 1000), undefined)
  },
)

t.test(
  'mended is also what ended as it should, and what waits for something else; who is gone is forgotten',
  async (t) => {
    const loops = new CrashLoops()
    loops.reason('shop/job', WAITS, 0)
    const completed = container({ type: 'terminated', exitCode: 0, reason: 'Completed', finishedAt: 500 })
    t.equal(loops.reason('shop/job', completed, 500), undefined)
    loops.reason('shop/job', WAITS, 0)
    t.equal(loops.reason('shop/job', container({ type: 'waiting', reason: 'PodInitializing' }), 0), undefined)
    t.equal(loops.reason('shop/job', RUNS, 1000), undefined)
    const image = container({ type: 'waiting', reason: 'ErrImageNeverPull', message: 'no folder' })
    t.equal(loops.reason('shop/job', image, 0), undefined, 'told at its field')
    loops.reason('shop/job', WAITS, 0)
    loops.reason('shop/web', WAITS, 0)
    loops.keep(new Set(['shop/web']))
    t.equal(loops.reason('shop/job', RUNS, 1000), undefined)
    t.equal(loops.reason('shop/web', RUNS, 1000), SAID)
  },
)
