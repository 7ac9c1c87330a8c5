/** What services may not say of the images that they run. */
import type { ConfigIssue, Path } from './issues.ts'
import { isExternal, isWrong } from '../parse/plain-parts.ts'
import type { AnyPart, PlainStack } from './schema.ts'

/** Only what comes from a registry is pulled. */
export function* checkPull(options: AnyPart, path: Path): Iterable<ConfigIssue> {
  if (isExternal(options) || options.pull === undefined || Object.hasOwn(options, 'image')) return
  const message = 'goes together with `image`: an image that is built is pulled from nowhere'
  yield { path: [...path, 'pull'], message, value: `"${options.pull}"` }
}

/** An engine keeps one image under a name: two services would take it from each other. */
export function* checkPlatforms({ parts }: PlainStack): Iterable<ConfigIssue> {
  const first = new Map<string, { readonly service: string; readonly platform: string | undefined }>()
  for (const [service, options] of parts) {
    if (options.kind !== 'container' || options.image === undefined || isWrong(options, 'platform')) continue
    const { image, platform } = options
    const other = first.get(image)
    if (other === undefined) first.set(image, { service, platform })
    else if (other.platform !== platform) {
      const message = `\`${other.service}\` runs the same image for ${other.platform ?? "the engine's own platform"}; name the images by digest, one for each platform`
      yield {
        path: ['services', service, 'platform'],
        message,
        value: platform === undefined ? 'none' : `"${platform}"`,
      }
    }
  }
}
