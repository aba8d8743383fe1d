import t from 'tap'
import { limitedText } from './limited-body.ts'

t.test('an answer is read up to a limit, and left behind it', async (t) => {
  t.equal(await limitedText(new Response('naïve'), 6), 'naïve')
  t.equal(await limitedText(new Response(null), 1), '')
  await t.rejects(limitedText(new Response('naïve'), 5), { code: 'http.too_large' })
  let cancelled = false
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new Uint8Array(1000)),
    cancel: () => void (cancelled = true),
  })
  await t.rejects(limitedText(new Response(endless), 10_000), { code: 'http.too_large' })
  t.ok(cancelled)
})
