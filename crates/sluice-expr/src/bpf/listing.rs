//! Programs as text: for people, for C, and as numbers.

use std::fmt::{self, Display, Formatter};

use super::machine::place as told;
use super::program::{Insn, Program, code::*};

impl Display for Program {
    /// One line per instruction, as `tcpdump -d` prints them.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (at, insn) in self.insns().iter().enumerate() {
            let (name, operand) = text(at, insn);
            write!(f, "({at:03}) ")?;
            let is_branch = insn.code & 7 == JMP && insn.code != JMP | JA;
            match is_branch {
                true => {
                    let (jt, jf) = (at + 1 + usize::from(insn.jt), at + 1 + usize::from(insn.jf));
                    writeln!(f, "{name:<8} {operand:<16} jt {jt}\tjf {jf}")?;
                }
                false => writeln!(f, "{name:<8} {operand}")?,
            }
        }
        Ok(())
    }
}

impl Program {
    /// One line per instruction, as part of a C program: what `tcpdump -dd` prints.
    pub fn c_text(&self) -> String {
        let line =
            |insn: &Insn| format!("{{ {:#x}, {}, {}, 0x{:08x} }},\n", insn.code, insn.jt, insn.jf, insn.k);
        self.insns().iter().map(line).collect()
    }

    /// The number of instructions, then one line of decimal numbers for each: what `tcpdump -ddd` prints.
    pub fn numbers(&self) -> String {
        let line = |insn: &Insn| format!("{} {} {} {}\n", insn.code, insn.jt, insn.jf, insn.k);
        let lines: String = self.insns().iter().map(line).collect();
        format!("{}\n{lines}", self.insns().len())
    }
}

/// The name of an instruction and what it works on.
fn text(at: usize, insn: &Insn) -> (&'static str, String) {
    let k = insn.k;
    match insn.code & 7 {
        LD | LDX => (load(insn.code), place(insn.code, k)),
        ST => ("st", format!("M[{k}]")),
        STX => ("stx", format!("M[{k}]")),
        ALU if insn.code & 0xF0 == NEG => ("neg", String::new()),
        ALU => (alu(insn.code), operand(insn.code, k, insn.code & 0xF0 == AND)),
        JMP if insn.code == JMP | JA => {
            let target = at as i64 + 1 + i64::from(k as i32);
            ("ja", target.to_string())
        }
        JMP => (jump(insn.code), operand(insn.code, k, true)),
        RET if insn.code & !7 == A => ("ret", String::new()),
        RET => ("ret", format!("#{k}")),
        _ if insn.code == MISC | TXA => ("txa", String::new()),
        _ => ("tax", String::new()),
    }
}

const fn load(code: u16) -> &'static str {
    match (code & 7, code & 0x18) {
        (LD, W) => "ld",
        (LD, H) => "ldh",
        (LD, _) => "ldb",
        (_, B) => "ldxb",
        _ => "ldx",
    }
}

fn place(code: u16, k: u32) -> String {
    match code & 0xE0 {
        ABS => match k {
            told::PACKET_TYPE => "[type]".to_owned(),
            told::INTERFACE => "[ifidx]".to_owned(),
            told::VLAN_TAG => "[vlan_tci]".to_owned(),
            told::VLAN_PRESENT => "[vlanp]".to_owned(),
            _ => format!("[{k}]"),
        },
        IND => format!("[x + {k}]"),
        MEM => format!("M[{k}]"),
        LEN => "#pktlen".to_owned(),
        MSH => format!("4*([{k}]&0xf)"),
        _ => format!("#{k:#x}"),
    }
}

fn operand(code: u16, k: u32, hex: bool) -> String {
    match code & X == 0 {
        false => "x".to_owned(),
        true if hex => format!("#{k:#x}"),
        true => format!("#{k}"),
    }
}

const fn alu(code: u16) -> &'static str {
    match code & 0xF0 {
        ADD => "add",
        SUB => "sub",
        MUL => "mul",
        DIV => "div",
        OR => "or",
        AND => "and",
        LSH => "lsh",
        RSH => "rsh",
        MOD => "mod",
        _ => "xor",
    }
}

const fn jump(code: u16) -> &'static str {
    match code & 0xF0 {
        JEQ => "jeq",
        JGT => "jgt",
        JGE => "jge",
        _ => "jset",
    }
}
