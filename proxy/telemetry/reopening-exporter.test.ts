import t from 'tap'
import { ExportRefused, type Exporter } from './exporter.ts'
import { reopeningExporter } from './reopening-exporter.ts'

function setUp() {
  const opened: { closed: number; sent: number; fail: Error | undefined }[] = []
  const control = { refuseToOpen: undefined as Error | undefined, tries: 0 }
  const exporter = reopeningExporter(async (): Promise<Exporter> => {
    control.tries++
    if (control.refuseToOpen) throw control.refuseToOpen
    const one = { closed: 0, sent: 0, fail: undefined as Error | undefined }
    opened.push(one)
    const send = async (): Promise<void> => {
      if (one.fail) throw one.fail
      one.sent++
    }
    return { traces: send, metrics: send, close: () => void one.closed++ }
  })
  return { exporter, opened, control }
}

const NOTHING = new Uint8Array(0)

t.test('is made when first needed, once for all that send at once', async (t) => {
  const { exporter, opened, control } = setUp()
  t.equal(control.tries, 0)
  await Promise.all([exporter.traces(NOTHING), exporter.metrics({}), exporter.traces(NOTHING)])
  t.strictSame(opened, [{ closed: 0, sent: 3, fail: undefined }])
})

t.test('a failure closes it, and the next export makes another', async (t) => {
  const { exporter, opened } = setUp()
  await exporter.traces(NOTHING)
  const [first] = opened
  if (first) first.fail = new Error('connection lost')
  await Promise.all([
    t.rejects(exporter.traces(NOTHING), { message: 'connection lost' }),
    t.rejects(exporter.metrics({}), { message: 'connection lost' }),
  ])
  await exporter.metrics({})
  t.equal(opened.length, 2)
  t.ok((first?.closed ?? 0) > 0)
  t.match(opened[1], { closed: 0, sent: 1 })
})

t.test('what the receiver refuses is no fault of the connection', async (t) => {
  const { exporter, opened } = setUp()
  await exporter.traces(NOTHING)
  const [first] = opened
  if (first) first.fail = new ExportRefused('too old')
  await t.rejects(exporter.traces(NOTHING), ExportRefused)
  if (first) first.fail = undefined
  await exporter.traces(NOTHING)
  t.strictSame(opened, [{ closed: 0, sent: 2, fail: undefined }])
})

t.test('one that cannot be made is tried again at the next export', async (t) => {
  const { exporter, opened, control } = setUp()
  control.refuseToOpen = new Error('no roots')
  await t.rejects(exporter.traces(NOTHING), { message: 'no roots' })
  await t.rejects(exporter.traces(NOTHING), { message: 'no roots' })
  t.equal(control.tries, 2)
  control.refuseToOpen = undefined
  await exporter.traces(NOTHING)
  t.equal(opened.length, 1)
})

t.test('once closed it stays closed, and leaves nothing open', async (t) => {
  const { exporter, opened, control } = setUp()
  const sending = exporter.traces(NOTHING)
  exporter.close()
  await sending
  await t.rejects(exporter.traces(NOTHING), { message: 'the exporter is closed' })
  t.equal(control.tries, 1)
  t.equal(opened[0]?.closed, 1)
  const unused = setUp()
  unused.exporter.close()
  t.equal(unused.control.tries, 0)
})
