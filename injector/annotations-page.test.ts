import { readFileSync } from 'node:fs'
import t from 'tap'
import { ANNOTATIONS_PAGE, withAnnotations } from './annotations-page.ts'

t.test('the page has the annotations that there are', (t) => {
  const page = readFileSync(ANNOTATIONS_PAGE, 'utf8')
  t.equal(page, withAnnotations(page), 'node injector/annotations-page.ts writes it')
  t.throws(() => withAnnotations('nothing'), /lacks its marks/)
  t.end()
})
