package main

// nameGroup is given and family names that go together. All people of the sample are invented.
type nameGroup struct {
	share         int // how many of 100 people have such a name
	given, family []string
}

// nameGroups are names as they meet in a large health service, with everything that trips up software: accents, the Welsh
// ŵ and ŷ, apostrophes, hyphens, particles, letters that have no ASCII form, and people with a single name.
var nameGroups = []nameGroup{
	{34,
		[]string{
			"Alice", "Ben", "Charlotte", "Daniel", "Eleanor", "Frances", "George", "Hannah", "Isaac", "Joanne", "Katherine", "Liam", "Martha",
			"Nathan", "Olivia", "Peter", "Rachel", "Samuel", "Theresa", "Victoria", "William", "Zoë", "Chloé", "Anne-Marie", "Mary-Jane", "Graham",
			"Hazel", "Ian", "Judith", "Keith", "Lesley", "Malcolm", "Nicola", "Oscar", "Philippa", "Robert", "Susan", "Thomas",
		},
		[]string{
			"Ashdown", "Barraclough", "Carter", "Dunmore", "Earnshaw", "Fairweather", "Garside", "Hargreaves", "Ibbotson", "Jessop", "Kershaw",
			"Lockwood", "Marsden", "Naylor", "Oldroyd", "Pickersgill", "Rushworth", "Sutcliffe", "Thackray", "Underwood", "Varley", "Whitaker",
			"Yeadon", "Smith-Jones", "Barrington-Clarke", "Brontley", "Holroyd", "Ackroyd", "Greenwood", "Midgley", "Priestley", "Shackleton",
		}},
	{12,
		[]string{
			"Siân", "Dafydd", "Angharad", "Gwŷn", "Rhŷs", "Efa", "Ŵyn", "Llŷr", "Cerys", "Iolo", "Nia", "Owain", "Catrin", "Hŵel", "Eleri", "Tomos",
			"Branwen", "Gethin", "Megan", "Emyr",
		},
		[]string{
			"Llŵyd", "Prŷs", "ap Gruffudd", "Bowen", "Cadwaladr", "Davies", "Eynon", "Gwŷnne", "Hopcyn", "Jenkins", "Maddocks", "Parry", "Penri",
			"Rhydderch", "Tudur", "Vaughan", "Wŷnn",
		}},
	{9,
		[]string{
			"Aoife", "Brendan", "Caoimhe", "Déaglán", "Éabha", "Fergal", "Gráinne", "Iseult", "Lorcan", "Máire", "Niamh", "Oisín", "Róisín", "Seán",
			"Tadhg", "Úna", "Catriona", "Hamish", "Morag", "Ruaridh",
		},
		[]string{
			"O’Hanlon", "O'Brien", "O'Shaughnessy", "Ní Dhomhnaill", "Mac Giolla", "Brannigan", "D'Arcy", "Fitzpatrick", "Gallagher", "McAllister",
			"MacLennan", "Ó Súilleabháin", "Quigley", "Tierney", "McGrath",
		}},
	{11,
		[]string{
			"Adaeze", "Babatunde", "Chinwe", "Damilola", "Emeka", "Folasade", "Gbenga", "Ifeoma", "Kelechi", "Nkechi", "Obinna", "Olúwaṣeun",
			"Ngozi", "Tunde", "Uchechi", "Yetunde", "Zainab", "Kwame", "Abena", "Akosua", "Tendai", "Thandiwe", "Wanjiru",
		},
		[]string{
			"Adeyemi", "Balogun", "Chukwu", "Eze", "Igwe", "Mbeki-Dube", "Nwosu", "Obi", "Ogunleye", "Okafor", "Okonkwo", "Olatunji", "Ṣóyínká",
			"Uzoma", "Asante", "Boateng", "Mensah", "Moyo", "Mwangi", "Nyathi",
		}},
	{15,
		[]string{
			"Aarav", "Bhavna", "Chandni", "Deepak", "Farhana", "Gurpreet", "Harjit", "Imran", "Jaswinder", "Kavita", "Lakshmi", "Manoj", "Nasreen",
			"Parminder", "Qasim", "Rajesh", "Saima", "Tariq", "Usha", "Vikram", "Yasmin", "Zubair", "Meera", "Nimal", "Priyanka", "Suresh",
		},
		[]string{
			"Ahmed", "Begum", "Chowdhury", "Dhillon", "Fernando", "Gill", "Hussain", "Iyer", "Jayawardena", "Kaur", "Khan", "Malik", "Nair", "Patel",
			"Qureshi", "Rahman", "Sandhu", "Sharma", "Siddiqui", "Singh", "Subramanian", "Thapa", "ul-Haq", "Venkataraman",
		}},
	{8,
		[]string{
			"Agnieszka", "Bartosz", "Czesława", "Dorota", "Grzegorz", "Iwona", "Jędrzej", "Łukasz", "Małgorzata", "Paweł", "Stanisława", "Wojciech",
			"Zofia", "Andrei", "Ioana", "Ștefan", "Jiří", "Živilė", "Ilze", "Zoltán",
		},
		[]string{
			"Brzęczyszczykiewicz", "Dąbrowska", "Górecki", "Jabłońska", "Kowalczyk", "Łoś", "Nowak", "Olszewski", "Piątek", "Wiśniewska", "Żak",
			"Dvořák", "Ionescu", "Kazlauskienė", "Nagy", "Ozoliņš", "Șerban",
		}},
	{6,
		[]string{
			"María José", "João", "Inês", "Núria", "Beñat", "Chiara", "François", "Anaïs", "Jürgen", "Søren", "Åsa", "Björk", "Eleni", "Dimitra",
			"Yiannis", "Ayşe", "Çağla", "Noor", "Layla", "Youssef",
		},
		[]string{
			"Muñoz Ibáñez", "da Conceição", "dos Santos", "van der Meulen", "von Grüningen", "de la Cruz", "D'Angelo", "L’Estrange", "Bjørnstad",
			"Strauß", "Papadopoulou", "Yıldız", "Al-Masri", "El Amrani", "Haddad", "Nuñez-Whitby",
		}},
	{4,
		[]string{
			"Jin", "Mei Ling", "Hiroko", "Min-jun", "Thị Hoa", "Jose Mari", "Maricel", "Rizalyn", "Xiulan", "Wai Kit", "Quỳnh", "Ji-woo",
		},
		[]string{
			"Chan", "de Guzman", "Ōyama", "Kim", "Li", "Nguyễn", "Ng", "Ong", "Park", "Reyes", "Villanueva", "Wu", "Xu", "Bautista",
		}},
	{1, []string{"Kartika", "Wayan", "Tenzin", "Suhartini", "Lestari", "Ketut", "Nyoman", "Jamyang"}, nil},
}
