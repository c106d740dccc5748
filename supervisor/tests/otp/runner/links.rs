//! In which order Erlang tells those who are linked to a process that was killed: it keeps links in a red-black tree by pid, and
//! takes that apart from its leaves. Whom it tells first stops first, and the trace shows that. Our runtime tells them in an
//! order of its own, which is as good; here the one is put into the other.

type Index = usize;

#[derive(Clone, Debug)]
struct Node {
    key: u32,
    red: bool,
    parent: Option<Index>,
    /// Left and right.
    children: [Option<Index>; 2],
}

/// The links of a process, by numbers that grow as pids do.
#[derive(Clone, Debug, Default)]
pub(crate) struct Links {
    nodes: Vec<Node>,
    root: Option<Index>,
}

impl Links {
    pub(crate) fn insert(&mut self, key: u32) {
        let mut parent = None;
        let mut next = self.root;
        while let Some(index) = next {
            parent = Some(index);
            next = self.nodes[index].children[usize::from(key > self.nodes[index].key)];
        }
        let new = self.nodes.len();
        self.nodes.push(Node { key, red: true, parent, children: [None; 2] });
        match parent {
            None => self.root = Some(new),
            Some(parent) => {
                let side = usize::from(key > self.nodes[parent].key);
                self.nodes[parent].children[side] = Some(new);
            }
        }
        self.repair_after_insert(new);
    }

    fn repair_after_insert(&mut self, mut x: Index) {
        while let Some(mut parent) = self.nodes[x].parent.filter(|parent| self.nodes[*parent].red) {
            let grandparent = self.nodes[parent].parent.expect("a red node is not the root");
            let side = self.side(parent);
            let uncle = self.nodes[grandparent].children[1 - side];
            if let Some(uncle) = uncle.filter(|uncle| self.nodes[*uncle].red) {
                self.nodes[parent].red = false;
                self.nodes[uncle].red = false;
                self.nodes[grandparent].red = true;
                x = grandparent;
                continue;
            }
            if self.side(x) != side {
                self.rotate(parent, side);
                (x, parent) = (parent, x);
            }
            self.nodes[parent].red = false;
            self.nodes[grandparent].red = true;
            self.rotate(grandparent, 1 - side);
        }
        if let Some(root) = self.root {
            self.nodes[root].red = false;
        }
    }

    pub(crate) fn remove(&mut self, key: u32) {
        let mut next = self.root;
        while let Some(index) = next.filter(|index| self.nodes[*index].key != key) {
            next = self.nodes[index].children[usize::from(key > self.nodes[index].key)];
        }
        let Some(removed) = next else { return };
        // Its successor takes its place, if it has two children.
        let mut spliced = removed;
        if let [Some(_), Some(right)] = self.nodes[removed].children {
            spliced = right;
            while let Some(left) = self.nodes[spliced].children[0] {
                spliced = left;
            }
        }
        self.nodes[removed].key = self.nodes[spliced].key;
        let Node { red, parent, children: [left, right], .. } = self.nodes[spliced];
        let child = left.or(right);
        let side = parent.map(|_| self.side(spliced));
        if let Some(child) = child {
            self.nodes[child].parent = parent;
        }
        match (parent, side) {
            (Some(parent), Some(side)) => self.nodes[parent].children[side] = child,
            _ => self.root = child,
        }
        if !red {
            self.repair_after_remove(child, parent, side.unwrap_or_default());
        }
    }

    /// `x`, on that side of `parent`, has one black too few above it.
    fn repair_after_remove(&mut self, mut x: Option<Index>, mut parent: Option<Index>, mut side: usize) {
        while let Some(p) = parent.filter(|_| !self.is_red(x)) {
            let mut sibling = self.nodes[p].children[1 - side].expect("its side is higher");
            if self.nodes[sibling].red {
                self.nodes[sibling].red = false;
                self.nodes[p].red = true;
                self.rotate(p, side);
                sibling = self.nodes[p].children[1 - side].expect("its side is higher");
            }
            let nephews = self.nodes[sibling].children;
            if !self.is_red(nephews[0]) && !self.is_red(nephews[1]) {
                self.nodes[sibling].red = true;
                x = Some(p);
                parent = self.nodes[p].parent;
                side = parent.map_or(0, |_| self.side(p));
                continue;
            }
            if !self.is_red(nephews[1 - side]) {
                let near = nephews[side].expect("it is red");
                self.nodes[near].red = false;
                self.nodes[sibling].red = true;
                self.rotate(sibling, 1 - side);
                sibling = near;
            }
            self.nodes[sibling].red = self.nodes[p].red;
            self.nodes[p].red = false;
            let far = self.nodes[sibling].children[1 - side].expect("it is red");
            self.nodes[far].red = false;
            self.rotate(p, side);
            return;
        }
        if let Some(x) = x {
            self.nodes[x].red = false;
        }
    }

    fn is_red(&self, node: Option<Index>) -> bool {
        node.is_some_and(|index| self.nodes[index].red)
    }

    /// On which side of its parent it is.
    fn side(&self, x: Index) -> usize {
        let parent = self.nodes[x].parent.expect("it is not the root");
        usize::from(self.nodes[parent].children[1] == Some(x))
    }

    /// Moves `x` down to that side; what was on the other one takes its place.
    fn rotate(&mut self, x: Index, side: usize) {
        let y = self.nodes[x].children[1 - side].expect("there is one to take its place");
        let inner = self.nodes[y].children[side];
        self.nodes[x].children[1 - side] = inner;
        if let Some(inner) = inner {
            self.nodes[inner].parent = Some(x);
        }
        let parent = self.nodes[x].parent;
        match parent {
            None => self.root = Some(y),
            Some(parent) => {
                let place = self.side(x);
                self.nodes[parent].children[place] = Some(y);
            }
        }
        self.nodes[y].parent = parent;
        self.nodes[y].children[side] = Some(x);
        self.nodes[x].parent = Some(y);
    }

    /// The numbers, in the order in which they are told.
    pub(crate) fn told(&self) -> Vec<u32> {
        let mut told = Vec::new();
        self.tell(self.root, &mut told);
        told
    }

    fn tell(&self, node: Option<Index>, told: &mut Vec<u32>) {
        if let Some(index) = node {
            let Node { key, children: [left, right], .. } = self.nodes[index];
            self.tell(left, told);
            self.tell(right, told);
            told.push(key);
        }
    }
}
