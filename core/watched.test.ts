import t from 'tap'
import { Watched } from './watched.ts'

t.test('each watch is one of its own, also of the same function', async (t) => {
  const watched = new Watched(1)
  let told = 0
  const listener = (): void => void told++
  const [stop, stopOther] = [watched.watch(listener), watched.watch(listener)]
  t.equal(watched.watchers, 2)
  watched.set(2)
  t.equal(told, 2)
  stop()
  stop()
  t.equal(watched.watchers, 1)
  watched.set(2)
  t.equal(told, 2, 'the same is no change')
  watched.set(3)
  t.equal(told, 3)
  stopOther()
  t.equal(watched.watchers, 0)
})
