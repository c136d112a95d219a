// Which bets the legs of a slip can make. Sizes are bits: bit k - 1 stands for all lines of k free legs.

export const mostLegs = 16;

const covers = [
    [3, 0b110, "Trixie"], [3, 0b111, "Patent"], [4, 0b1110, "Yankee"], [4, 0b1111, "Lucky 15"], [5, 0b11110, "Canadian"],
    [5, 0b11111, "Lucky 31"], [6, 0b111110, "Heinz"], [6, 0b111111, "Lucky 63"], [7, 0b1111110, "Super Heinz"], [8, 0b11111110, "Goliath"],
];
const folds = ["Single", "Double", "Treble"];

function fold(size) { return folds[size - 1] ?? `${size}-fold`; }

function choose(from, size) {
    let ways = 1;
    for (let k = 1; k <= size; k++) ways = ways * (from - k + 1) / k;
    return Math.round(ways);
}

// Lines of a bet: 1 of an accumulator, whose sizes are 0.
export function lines(sizes, free) {
    let sum = 0;
    for (let size = 1; size <= free; size++) if (sizes >> size - 1 & 1) sum += choose(free, size);
    return sum || 1;
}

export function sizeList(sizes) {
    return Array.from({ length: mostLegs }, (_, k) => k + 1).filter(size => sizes >> size - 1 & 1);
}

// A name that people in the trade know, such as "Trixie" or "Doubles".
export function label(sizes, legs, bankers) {
    if (!sizes) return legs === 1 ? "Single" : legs === 2 ? "Double" : legs === 3 ? "Treble" : `${legs}-fold accumulator`;
    if (bankers) return `${sizeList(sizes).join(", ")} of ${legs - bankers} with ${bankers === 1 ? "a banker" : `${bankers} bankers`}`;
    const cover = covers.find(([count, bits]) => count === legs && bits === sizes);
    return cover ? cover[2] : sizeList(sizes).map(size => `${fold(size)}s`).join(" and ");
}

// Every bet that so many legs can be, the accumulator first.
export function kinds(legs, bankers) {
    const free = legs - bankers;
    const all = [0];
    if (legs < 3 || legs > mostLegs || free < 1) return all;
    for (let size = 1; size < free + (bankers ? 1 : 0); size++) if (bankers || size < legs) all.push(1 << size - 1);
    if (!bankers) for (const [count, bits] of covers) if (count === legs) all.push(bits);
    return all.filter((sizes, index) => all.indexOf(sizes) === index);
}

// Each-way terms, such as "1/5 the odds, places 1-2-3".
export function placeTerms({ places, fraction }, isAtTheOff = false) {
    const first = Array.from({ length: places }, (_, index) => index + 1);
    return `${fraction.join("/")} the odds, ${places === 1 ? "win only" : `places ${first.join("-")}`}${isAtTheOff ? ", or what it is at the off" : ""}`;
}

// What the house adds to a cover, such as "one winner counts 2 times; all win: 10 % more".
export function bonusWords({ onlyWinner, allWinners }) {
    return [onlyWinner > 100 && `one winner counts ${onlyWinner / 100} times`, allWinners > 0 && `all win: ${allWinners / 100} % more`].filter(Boolean).join("; ");
}

// A system of groups, such as "2 of (1 of 1, 2), 3".
export function groupsLabel({ sizes, groups }, legs) {
    const within = (from, to, others) => {
        const items = [];
        for (let leg = from; leg <= to; leg++) {
            const group = others.filter(g => g.from === leg && g.to <= to).sort((a, b) => b.to - a.to)[0];
            if (!group) { items.push(leg + 1); continue; }
            items.push(`(${group.sizes.join(" or ")} of ${within(group.from, group.to, others.filter(g => g !== group))})`);
            leg = group.to;
        }
        return items.join(", ");
    };
    return `${sizes.join(" or ")} of ${within(0, legs - 1, groups)}`;
}
