import { InvalidInput } from '#core';
import { text } from './text.ts';

// Drawing alone: no scripts, styles, links, embedded documents or animation (SVG 2).
const ELEMENTS = new Set(
  'svg g defs symbol use path rect circle ellipse line polyline polygon text tspan title desc linearGradient radialGradient stop clipPath mask pattern'.split(
    ' ',
  ),
);
const ATTRIBUTES = new Set(
  `id class viewBox width height x y x1 y1 x2 y2 cx cy r rx ry fx fy d points dx dy transform preserveAspectRatio version offset gradientUnits gradientTransform
   spreadMethod patternUnits patternContentUnits patternTransform clipPathUnits maskUnits maskContentUnits fill fill-opacity fill-rule stroke stroke-width stroke-opacity
   stroke-linecap stroke-linejoin stroke-miterlimit stroke-dasharray stroke-dashoffset opacity color stop-color stop-opacity clip-path clip-rule mask font-family font-size
   font-weight font-style text-anchor dominant-baseline letter-spacing visibility display href xlink:href xmlns xmlns:xlink`.split(/\s+/),
);

/** The picture with nothing left in it but drawing. Throws InvalidInput when it is no SVG. */
export async function sanitizeSvg(source: string): Promise<string> {
  // Entities are how documents grow without end, and the parser would have to be trusted with them.
  if (/<!DOCTYPE|<!ENTITY/i.test(source)) throw refuse(text.logo.hasDtd);
  const { DOMParser, XMLSerializer, onErrorStopParsing } = await import('./xml.ts');
  const document = parse(() => new DOMParser({ onError: onErrorStopParsing }).parseFromString(source, 'image/svg+xml'));
  const root = document.documentElement;
  if (root?.localName !== 'svg' || root.namespaceURI !== 'http://www.w3.org/2000/svg') throw refuse(text.logo.notSvg);
  clean(root);
  return new XMLSerializer().serializeToString(root);
}

type SvgElement = NonNullable<ReturnType<InstanceType<typeof import('./xml.ts').DOMParser>['parseFromString']>['documentElement']>;

function clean(element: SvgElement): void {
  for (const attribute of [...element.attributes]) if (!isHarmless(attribute.name, attribute.value)) element.removeAttributeNode(attribute);
  for (const child of [...element.childNodes]) {
    if (child.nodeType === child.TEXT_NODE) continue;
    if (child.nodeType === child.ELEMENT_NODE && ELEMENTS.has(child.nodeName)) clean(child as SvgElement);
    else element.removeChild(child);
  }
}

function isHarmless(name: string, value: string): boolean {
  if (!ATTRIBUTES.has(name)) return false;
  if (name.endsWith('href')) return /^#[\w-]+$/.test(value);
  // Nothing is fetched: only what stands in the same picture may be pointed to.
  return !/url\s*\(/i.test(value) || /^url\(\s*["']?#[\w-]+["']?\s*\)$/.test(value.trim());
}

function parse<T>(attempt: () => T): T {
  try {
    return attempt();
  } catch (error) {
    throw refuse(text.logo.brokenSvg(error instanceof Error ? (error.message.split('\n')[0] ?? '') : ''));
  }
}

function refuse(why: string): InvalidInput {
  return new InvalidInput({ logo: [why] });
}
